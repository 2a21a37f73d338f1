/** Workflows for eligibility and erasure: how long they retry, and what they return in the end. */
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { currentBundle, type StubOverrides, stubActivities, useTimeSkippingServer } from './harness.ts';

const server = useTimeSkippingServer();
const CONTACT = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';
const unavailable = () => ApplicationFailure.create({ type: 'CxoneUnavailable', message: 'no answer' });
const rateLimited = () => ApplicationFailure.create({ type: 'RateLimited', message: 'the queue is long' });
const refused = () =>
  ApplicationFailure.create({ type: 'CredentialsRefused', message: 'check them', nonRetryable: true });

let runs = 0;
async function run(type: string, input: unknown, overrides: StubOverrides) {
  runs += 1;
  const stubs = stubActivities(overrides);
  const taskQueue = `consent-${process.pid}-${runs}`;
  const { connection, namespace, client } = server();
  const options = { connection, namespace, taskQueue, workflowBundle: currentBundle() };
  const worker = await Worker.create({ ...options, activities: stubs.activities });
  const result: unknown = await worker.runUntil<unknown>(
    () =>
      client.workflow
        .execute(type, { taskQueue, workflowId: taskQueue, args: [input] })
        .catch((error: unknown) => error) as Promise<unknown>,
  );
  return { result, stubs };
}
const getFailure = (result: unknown) => {
  expect(result).toBeInstanceOf(WorkflowFailedError);
  const { cause } = result as WorkflowFailedError;
  return cause instanceof ApplicationFailure ? cause : cause?.cause;
};

describe('eligibilityCheck', () => {
  const ask = (overrides: StubOverrides, input: object = { contactId: CONTACT, channel: 'email' }) =>
    run('eligibilityCheck', input, overrides);

  it('returns the answer of the lookup', async () => {
    const answer = { eligible: true, reason: 'compliant' };
    const { result } = await ask({ checkEligibility: () => answer });
    expect(result).toEqual(answer);
  });

  it('retries, and after a minute without an answer returns not eligible', async () => {
    const { result, stubs } = await ask(
      { checkEligibility: () => Promise.reject(unavailable()) },
      { contactId: CONTACT, channel: 'sms', policy: 'strict' },
    );
    expect(result).toMatchObject({
      eligible: false,
      reason: 'consent_unavailable',
      policy: 'strict',
      facts: { channel: 'sms', preference: null },
    });
    expect(stubs.named('checkEligibility').length).toBeGreaterThan(3);
  });

  it('fails with the reason if the credentials or the input are wrong', async () => {
    const { result } = await ask({ checkEligibility: () => Promise.reject(refused()) });
    expect(getFailure(result)).toMatchObject({ type: 'CredentialsRefused' });
    const { result: wrong } = await ask({}, { contactId: CONTACT, channel: 'fax', nonsense: 1 });
    expect(getFailure(wrong)).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/channel.*nonsense/) as string,
    });
  });
});

describe('eligibilityList', () => {
  const DONE = { checkId: 'c', eligible: 1, ineligible: {}, ruleVersion: 'v', policy: 'default' };
  const isLastPass = (arg: unknown) => (arg as { isLastPass: boolean }).isLastPass;
  const ask = (overrides: StubOverrides) =>
    run('eligibilityList', { dataset: 'ds', channel: 'email' }, overrides);

  it('retries as long as each round answers more rows, then declares the rest not eligible', async () => {
    let through = 0;
    const { result, stubs } = await ask({
      checkRows: (input) => (input.isLastPass ? DONE : Promise.reject(unavailable())),
      countCheckedRows: () => (through = Math.min(400, through + 200)),
    });
    expect(result).toEqual(DONE);
    expect(stubs.named('countCheckedRows')).toHaveLength(3);
    expect(stubs.named('checkRows').filter(isLastPass)).toHaveLength(1);
    expect(stubs.calls.at(-1)).toMatchObject({
      name: 'checkRows',
      arg: { isLastPass: true, channel: 'email' },
    });
  });

  it('does not mistake a long queue at the rate limiter for an outage', async () => {
    let tries = 0;
    const { result, stubs } = await ask({
      checkRows: () => ((tries += 1) < 60 ? Promise.reject(rateLimited()) : DONE),
      countCheckedRows: () => 0,
    });
    expect(result).toEqual(DONE);
    expect(stubs.named('checkRows').some(isLastPass)).toBe(false);
  });

  it('does not retry with refused credentials', async () => {
    const { result, stubs } = await ask({ checkRows: () => Promise.reject(refused()) });
    expect(getFailure(result)).toMatchObject({ type: 'CredentialsRefused' });
    expect(stubs.named('checkRows')).toHaveLength(1);
  });
});

describe('erasure', () => {
  it('continues after the ledger was unavailable, and passes on only a reference to the dataset', async () => {
    let tries = 0;
    const input = { dataset: 'ds_1', requestedBy: 'dana' };
    const { result, stubs } = await run('erasure', input, {
      eraseSubject: () => ((tries += 1) < 3 ? Promise.reject(unavailable()) : { records: 2 }),
    });
    expect(result).toEqual({ records: 2 });
    expect(stubs.named('eraseSubject')).toEqual([input, input, input]);
    const { result: wrong } = await run('erasure', { contactId: CONTACT }, {});
    expect(getFailure(wrong)).toMatchObject({ type: 'InvalidInput' });
  });
});
