import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { RateWait, retryableFailure, toFailure, translateErrors } from '../../src/activities/failures.ts';
import {
  CxoneCredentialsMissing,
  CxoneForbidden,
  CxoneNoAnswer,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneTooLong,
  CxoneUnauthorized,
  CxoneUnavailable,
  CxoneUnreadable,
} from '../../src/cxone/errors.ts';
import { DatasetGone } from '../../src/ledger/runs/datasets.ts';
import { RunEnded } from '../../src/ledger/runs/runs.ts';
import { SourceError } from '../../src/sources/errors.ts';
import { CONTEXT } from './harness.ts';

const CANARY = '+14155550199';
const at = (status: number) => ({ ...CONTEXT, status });
const coded = (code: string) => Object.assign(new Error(`row ${CANARY} is bad`), { code });

/** Error → failure type, whether it is fatal, delay in ms. */
const TABLE: readonly [string, unknown, string, boolean, number | undefined][] = [
  ['401', new CxoneUnauthorized(at(401), 'api'), 'CredentialsRefused', true, undefined],
  [
    '401 of the token',
    new CxoneUnauthorized(at(401), 'token endpoint'),
    'CredentialsRefused',
    true,
    undefined,
  ],
  ['no credentials', new CxoneCredentialsMissing(CONTEXT, null), 'CredentialsRefused', true, undefined],
  ['403', new CxoneForbidden(at(403), ['a']), 'ScopeMissing', true, undefined],
  ['404', new CxoneNotFound(at(404)), 'NotFound', true, undefined],
  ['405', new CxoneRefused(at(405)), 'Refused', true, undefined],
  ['more than is read', new CxoneTooLong(at(200), 'more than 10,000 pages'), 'Refused', true, undefined],
  ['429 with Retry-After', new CxoneRateLimited(at(429), 1_500.2), 'RateLimited', false, 1_501],
  ['429 that asks for hours', new CxoneRateLimited(at(429), 36_000_000), 'RateLimited', false, 60_000],
  ['429 without Retry-After', new CxoneRateLimited(at(429), null), 'RateLimited', false, undefined],
  ['503 with Retry-After', new CxoneUnavailable(at(503), 9_000, 'unknown'), 'CxoneUnavailable', false, 9_000],
  [
    '503 that asks for a day',
    new CxoneUnavailable(at(503), 86_400_000, 'unknown'),
    'CxoneUnavailable',
    false,
    900_000,
  ],
  ['a redirect', new CxoneRefused(at(302), 'redirected (302)', 'unknown'), 'Refused', true, undefined],
  ['500', new CxoneUnavailable(at(500), null, 'unknown'), 'CxoneUnavailable', false, undefined],
  ['a timeout', new CxoneNoAnswer(CONTEXT, 'timeout', null, 'unknown'), 'CxoneUnavailable', false, undefined],
  ['a truncated answer', new CxoneUnreadable(at(200), 'not JSON'), 'CxoneUnavailable', false, undefined],
  [
    'a missing source',
    new SourceError('source_missing', 'a.csv: no file'),
    'SourceUnreadable',
    true,
    undefined,
  ],
  ['a run that ended meanwhile', new RunEnded(), 'AlreadyRun', true, undefined],
  ['a dataset that was deleted meanwhile', new DatasetGone('ds_1'), 'SourceUnreadable', true, undefined],
  ['a refused connection to PostgreSQL', coded('ECONNREFUSED'), 'LedgerUnavailable', false, undefined],
  ['a lost connection to PostgreSQL', coded('57P01'), 'LedgerUnavailable', false, undefined],
  ['a changed password', coded('28P01'), 'LedgerUnavailable', false, undefined],
  ['a revoked permission', coded('42501'), 'LedgerUnavailable', false, undefined],
  ['a lock timeout', coded('55P03'), 'LedgerUnavailable', false, undefined],
  ['a statement timeout', coded('57014'), 'LedgerUnavailable', false, undefined],
  ['a violated constraint', coded('23505'), 'LedgerRefused', true, undefined],
  ['a date out of range', coded('22008'), 'LedgerRefused', true, undefined],
  ['a value that is too large', coded('54000'), 'LedgerRefused', true, undefined],
  ['a mistake in SQL', coded('42P01'), 'Bug', true, undefined],
  ['a bug', new TypeError(`cannot read ${CANARY}`), 'Bug', true, undefined],
  ['a value that is not an Error', CANARY, 'Bug', true, undefined],
];

describe('the translation of errors', () => {
  it.each(TABLE)('%s', (_, error, type, ends, delay) => {
    const failure = toFailure(error) as ApplicationFailure;
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure.type).toBe(type);
    expect(failure.nonRetryable).toBe(ends);
    expect(failure.nextRetryDelay).toBe(delay);
    expect(JSON.stringify([failure.message, failure.details ?? null, String(failure.cause)])).not.toContain(
      CANARY,
    );
    expect(failure.stack).not.toContain(CANARY);
  });

  it('a long wait for the rate budget is retried when it is over, counted from when the page gave up', () => {
    const failure = toFailure(new RateWait(12_345)) as ApplicationFailure;
    expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
    expect(failure.nextRetryDelay).toBeGreaterThan(0);
    expect(failure.nextRetryDelay).toBeLessThanOrEqual(12_345);
    expect((toFailure(new RateWait(0)) as ApplicationFailure).nextRetryDelay).toBe(100);
  });

  it.each([0, -5, 0.2])('a delay of %d ms is a short one, because 0 would mean not to retry', (delayMs) => {
    expect(retryableFailure('CxoneUnavailable', 'x', delayMs).nextRetryDelay).toBe(1);
  });

  it('leaves failures and cancellations as they are', () => {
    for (const error of [ApplicationFailure.create({ type: 'AlreadyRun' }), new CancelledFailure('c')])
      expect(toFailure(error)).toBe(error);
  });

  it('names what PostgreSQL refused, and what to do, without any data', () => {
    const error = Object.assign(coded('23505'), { table: 'outcomes', constraint: 'outcomes_pkey' });
    const { message } = toFailure(error);
    expect(message).toMatch(/23505 outcomes outcomes_pkey.*correct the input/);
    expect(message).not.toContain(CANARY);
  });

  it('applies to every activity, and logs the original error once', async () => {
    const logged: unknown[] = [];
    const error = new TypeError(CANARY);
    const failing = () => Promise.reject(error);
    const activities = translateErrors({ failing, fine: () => Promise.resolve(1) }, (e, name) =>
      logged.push([e, name]),
    );
    await expect(activities.failing()).rejects.toMatchObject({ type: 'Bug' });
    expect(await activities.fine()).toBe(1);
    expect(logged).toEqual([[error, 'failing']]);
  });
});

describe('an activity that exceeds the limits of a statement', () => {
  const timeout = coded('57014');
  const run = (activity: () => Promise<unknown>, activityId = '1') =>
    new MockActivityEnvironment({ activityId }, { logger: new DefaultLogger('ERROR') }).run(activity).then(
      () => 'done',
      (error: unknown) => error,
    );
  const RETRIED = { type: 'LedgerUnavailable', nonRetryable: false };

  it('is repeated four times, then ends the run and says what to do', async () => {
    const activities = translateErrors({ slow: () => Promise.reject(timeout) }, () => undefined);
    for (const attempt of [1, 2, 3, 4])
      expect(await run(activities.slow), String(attempt)).toMatchObject(RETRIED);
    expect(await run(activities.slow)).toMatchObject({
      type: 'LedgerRefused',
      nonRetryable: true,
      message: expect.stringMatching(/57014.*5 times in a row.*statement_timeout/) as string,
    });
  });

  it('is not counted together with other activities, nor across an attempt that failed otherwise', async () => {
    const errors = [timeout, timeout, timeout, timeout, coded('57P01')];
    let attempt = 0;
    const slow = () => Promise.reject(errors[attempt++ % errors.length] ?? timeout);
    const activities = translateErrors({ slow }, () => undefined);
    for (let n = 1; n <= 20; n += 1) expect(await run(activities.slow)).toMatchObject(RETRIED);
    for (let n = 1; n <= 20; n += 1) expect(await run(activities.slow, String(n))).toMatchObject(RETRIED);
  });
});
