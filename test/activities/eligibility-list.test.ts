import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { EligibilityListInput } from '../../src/contract/consent.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import {
  CxoneRefused,
  CxoneUnauthorized,
  CxoneUnavailable,
  CxoneUnreadable,
} from '../../src/cxone/errors.ts';
import type { FindPreferenceRequest, StoredPreference } from '../../src/cxone/preferences.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { CONTEXT, createEnvironment, createWorker, fakeCxone, nothingSent, runActivity } from './harness.ts';

const opened = ledgerOfFile();
const guid = (n: number): string => `a1b2c3d4-0000-0000-0000-${String(n).padStart(12, '0')}`;
const OPTED_IN: Omit<StoredPreference, 'contactId' | 'channel'> = {
  id: 'p',
  optIn: true,
  consentTimestamp: '2026-01-01T00:00:00Z',
  withdrawalTimestamp: null,
  regulatoryRegion: 'NONE',
  source: null,
  updatedAt: null,
};

/** Every contact has opted in, except for what `answer` overrides. `asked`: the contacts looked up, in order. */
function cxoneWith(
  answer: (request: FindPreferenceRequest) => Partial<StoredPreference> | null = () => ({}),
) {
  const asked: string[] = [];
  const find = (request: FindPreferenceRequest) => {
    asked.push(request.contactId);
    return Promise.resolve().then(() => {
      const overridden = answer(request);
      return (
        overridden && {
          ...OPTED_IN,
          contactId: request.contactId,
          channel: request.channel,
          ...overridden,
        }
      );
    });
  };
  const { cxone } = fakeCxone();
  return { asked, cxone: { ...cxone, preferences: { ...cxone.preferences, find } } satisfies Cxone };
}

const stage = (rows: readonly object[]) =>
  opened().ledger.datasets.stage(
    'rows',
    'ndjson',
    Readable.from(rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`))),
  );

const people = (n: number) => Array.from({ length: n }, (_, i) => ({ contactId: guid(i + 1) }));

/** Calls the activities like one workflow. */
function createChecker(cxone: Cxone) {
  const checkId = someId('check');
  const { activities } = createWorker(opened().ledger, cxone);
  const env = () => {
    const context = createEnvironment();
    Object.assign(context.context.info, { workflowExecution: { workflowId: checkId, runId: 'r' } });
    return context;
  };
  return {
    check: (input: EligibilityListInput, isLastPass = false) =>
      runActivity(() => activities.checkRows({ ...input, isLastPass }), env()),
    results: async () => {
      const rows = [];
      for await (const { seq, eligible, reason } of opened().ledger.eligibilityResults.list(checkId))
        rows.push([seq, eligible, reason]);
      return rows;
    },
  };
}

describe('a check of the rows of a dataset', () => {
  it('looks up every row and keeps the result by row number', async () => {
    const { cxone, asked } = cxoneWith(({ contactId }) =>
      contactId === guid(2) ? { optIn: false } : contactId === guid(3) ? null : {},
    );
    const rows = [1, 2, 3].map((n) => ({ contactId: guid(n), channel: 'email' }));
    const { id } = await stage([
      ...rows,
      { contactId: 'crm-1', channel: 'email' },
      { contactId: guid(5), channel: 'fax' },
    ]);
    const { check, results } = createChecker(cxone);
    expect(await check({ dataset: id })).toMatchObject({
      eligible: 1,
      ineligible: { explicit_opt_out: 1, no_consent_on_record: 1, no_contact_id: 1, invalid_channel: 1 },
      policy: 'default',
    });
    expect(await results()).toEqual([
      [1, true, 'compliant'],
      [2, false, 'explicit_opt_out'],
      [3, false, 'no_consent_on_record'],
      [4, false, 'no_contact_id'],
      [5, false, 'invalid_channel'],
    ]);
    expect([...asked].sort()).toEqual([guid(1), guid(2), guid(3)]);
  });

  it('keeps its results in an outage, fails after a few lookups, and continues with the rows that have none', async () => {
    let isDown = true;
    const { cxone, asked } = cxoneWith(({ contactId }) => {
      if (isDown && contactId >= guid(300)) throw nothingSent();
      return {};
    });
    const { id } = await stage(people(450));
    const { check, results } = createChecker(cxone);
    await expect(check({ dataset: id, channel: 'sms' })).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    // Lookups run in parallel, so the last ones before the outage may fail too.
    expect((await results()).length).toBeGreaterThan(299 - 2 * 16);
    expect(asked.length).toBeLessThan(299 + 2 * 16);
    isDown = false;
    expect(await check({ dataset: id, channel: 'sms' })).toMatchObject({ eligible: 450 });
    expect(asked.filter((each) => each < guid(300))).toHaveLength(299);
  });

  it('is not stopped by one contact that CXone cannot answer for, which is not eligible in the end', async () => {
    const { cxone, asked } = cxoneWith(({ contactId }) => {
      if (contactId === guid(120)) throw new CxoneUnavailable(CONTEXT, null, 'no');
      return {};
    });
    const { id } = await stage(people(450));
    const { check, results } = createChecker(cxone);
    for (let tries = 0; tries < 3; tries += 1)
      await expect(check({ dataset: id, channel: 'sms' })).rejects.toMatchObject({
        type: 'CxoneUnavailable',
      });
    expect(await results()).toHaveLength(449);
    expect(await check({ dataset: id, channel: 'sms' }, true)).toMatchObject({
      eligible: 449,
      ineligible: { consent_unavailable: 1 },
    });
    expect((await results())[119]).toEqual([120, false, 'consent_unavailable']);
    expect([asked.filter((each) => each === guid(120)).length, asked.length]).toEqual([4, 453]);
  });

  it('repeats an unreadable answer three times, then declares only that row not eligible', async () => {
    const { cxone, asked } = cxoneWith(({ contactId }) => {
      if (contactId === guid(2)) throw new CxoneUnreadable(CONTEXT, 'optIn is no boolean');
      return {};
    });
    const { id } = await stage(people(30));
    expect(await createChecker(cxone).check({ dataset: id, channel: 'sms' })).toMatchObject({
      eligible: 29,
      ineligible: { consent_unavailable: 1 },
    });
    expect(asked).toHaveLength(32);
  });

  it('treats it as an outage if all answers are unreadable', async () => {
    const { cxone } = cxoneWith(() => {
      throw new CxoneUnreadable(CONTEXT, 'a login page');
    });
    const { id } = await stage(people(3));
    const { check, results } = createChecker(cxone);
    await expect(check({ dataset: id, channel: 'sms' })).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await results()).toEqual([]);
  });

  it('declares rows without an answer not eligible in its last pass', async () => {
    const { cxone, asked } = cxoneWith(({ contactId }) => {
      if (contactId === guid(1)) throw nothingSent();
      return {};
    });
    const { id } = await stage([...people(2), { contactId: 'crm-1' }]);
    const { check } = createChecker(cxone);
    expect(await check({ dataset: id, channel: 'email' }, true)).toMatchObject({
      eligible: 1,
      ineligible: { consent_unavailable: 1, no_contact_id: 1 },
    });
    expect([...asked].sort()).toEqual([guid(1), guid(2)]);
  });

  it('makes only a few lookups in its last pass if CXone does not answer any', async () => {
    const { cxone, asked } = cxoneWith(() => {
      throw nothingSent();
    });
    const { id } = await stage(people(450));
    expect(await createChecker(cxone).check({ dataset: id, channel: 'email' }, true)).toMatchObject({
      eligible: 0,
      ineligible: { consent_unavailable: 450 },
    });
    expect(asked.length).toBeLessThan(15);
  });

  it('does not choose between two keys for the same field', async () => {
    const { cxone, asked } = cxoneWith();
    const { id } = await stage([{ contactId: guid(1), contact_id: guid(2) }, { contactId: guid(3) }]);
    expect(await createChecker(cxone).check({ dataset: id, channel: 'email' })).toMatchObject({
      eligible: 1,
      ineligible: { field_ambiguous: 1 },
    });
    expect(asked).toEqual([guid(3)]);
  });

  it('declares a row not eligible whose lookup CXone refuses, and ends if CXone refuses the credentials', async () => {
    const { id } = await stage([{ contactId: guid(1) }, { contactId: guid(2) }]);
    const refusing = cxoneWith(({ contactId }) => {
      if (contactId === guid(1)) throw new CxoneRefused({ ...CONTEXT, status: 400 });
      return {};
    });
    expect(await createChecker(refusing.cxone).check({ dataset: id, channel: 'email' })).toMatchObject({
      eligible: 1,
      ineligible: { consent_unavailable: 1 },
    });
    const locked = cxoneWith(() => {
      throw new CxoneUnauthorized(CONTEXT, 'api');
    });
    await expect(createChecker(locked.cxone).check({ dataset: id, channel: 'email' })).rejects.toMatchObject({
      type: 'CredentialsRefused',
      nonRetryable: true,
    });
  });

  it('answers from our own suppression list without asking CXone', async () => {
    const { cxone, asked } = cxoneWith();
    const contactId = guid(77);
    const objection = {
      contactId,
      channel: 'voice',
      reason: 'erased',
      since: '2026-01-01T00:00:00Z',
    } as const;
    await opened().ledger.suppressions.add([objection], null);
    const { id } = await stage([{ contactId }, { contactId, channel: 'sms' }]);
    expect(await createChecker(cxone).check({ dataset: id, channel: 'voice' })).toMatchObject({
      eligible: 0,
      ineligible: { suppressed: 2 },
    });
    expect(asked).toEqual([]);
  });

  it('fails if the dataset or one of its columns is missing', async () => {
    const { check } = createChecker(cxoneWith().cxone);
    await expect(check({ dataset: 'ds_none' })).rejects.toMatchObject({ type: 'SourceUnreadable' });
    const csv = await opened().ledger.datasets.stage(
      'a.csv',
      'csv',
      Readable.from([Buffer.from('phone\n1\n')]),
    );
    await expect(check({ dataset: csv.id })).rejects.toThrow(/No column for contactId/);
    // The failure is part of the history, and a first line that is not a header may be personal data.
    await expect(check({ dataset: csv.id })).rejects.not.toThrow(/phone/);
    const { id } = await stage(people(1));
    await expect(
      check({ dataset: id, channel: 'sms', map: { contctId: 'contactId' } }),
    ).rejects.toMatchObject({
      type: 'SourceUnreadable',
      message: expect.stringContaining('contctId') as string,
    });
  });
});
