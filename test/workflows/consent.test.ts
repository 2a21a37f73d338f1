/** The small workflows that ask about consent and take a person out: how long they wait, and what they answer then. */
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { WorkflowFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { type Script, bundled, stubActivities, useTimeSkipping } from './stubs.ts';

const stage = useTimeSkipping();
const CONTACT = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';
const away = () => ApplicationFailure.create({ type: 'CxoneUnavailable', message: 'no answer' });
const busy = () => ApplicationFailure.create({ type: 'RateLimited', message: 'the line is long' });
const refused = () =>
  ApplicationFailure.create({ type: 'CredentialsRefused', message: 'check them', nonRetryable: true });

let played = 0;
async function play(type: string, input: unknown, script: Script) {
  played += 1;
  const stubs = stubActivities(script);
  const taskQueue = `consent-${process.pid}-${played}`;
  const { connection, namespace, client } = stage();
  const options = { connection, namespace, taskQueue, workflowBundle: bundled() };
  const worker = await Worker.create({ ...options, activities: stubs.activities });
  const result: unknown = await worker.runUntil<unknown>(
    () =>
      client.workflow
        .execute(type, { taskQueue, workflowId: taskQueue, args: [input] })
        .catch((error: unknown) => error) as Promise<unknown>,
  );
  return { result, stubs };
}
const failureOf = (result: unknown) => {
  expect(result).toBeInstanceOf(WorkflowFailedError);
  const { cause } = result as WorkflowFailedError;
  return cause instanceof ApplicationFailure ? cause : cause?.cause;
};

describe('eligibilityCheck', () => {
  const ask = (script: Script, input: object = { contactId: CONTACT, channel: 'email' }) =>
    play('eligibilityCheck', input, script);

  it('answers what the look-up says', async () => {
    const answer = { eligible: true, reason: 'compliant' };
    const { result } = await ask({ checkEligibility: () => answer });
    expect(result).toEqual(answer);
  });

  it('tries again, and after a minute without an answer says no', async () => {
    const { result, stubs } = await ask(
      { checkEligibility: () => Promise.reject(away()) },
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

  it('says what is wrong with the credentials, and with an input, instead of an answer', async () => {
    const { result } = await ask({ checkEligibility: () => Promise.reject(refused()) });
    expect(failureOf(result)).toMatchObject({ type: 'CredentialsRefused' });
    const { result: wrong } = await ask({}, { contactId: CONTACT, channel: 'fax', nonsense: 1 });
    expect(failureOf(wrong)).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/channel.*nonsense/) as string,
    });
  });
});

describe('eligibilityList', () => {
  const DONE = { checkId: 'c', eligible: 1, ineligible: {}, ruleVersion: 'v', policy: 'default' };
  const isLast = (arg: unknown) => (arg as { giveUp: boolean }).giveUp;
  const ask = (script: Script) => play('eligibilityList', { dataset: 'ds', channel: 'email' }, script);

  it('waits as long as it gets further between its tries, and then says no to the rest', async () => {
    let through = 0;
    const { result, stubs } = await ask({
      checkRows: (input) => (input.giveUp ? DONE : Promise.reject(away())),
      checkedThrough: () => (through = Math.min(400, through + 200)),
    });
    expect(result).toEqual(DONE);
    expect(stubs.named('checkedThrough')).toHaveLength(3);
    expect(stubs.named('checkRows').filter(isLast)).toHaveLength(1);
    expect(stubs.calls.at(-1)).toMatchObject({ name: 'checkRows', arg: { giveUp: true, channel: 'email' } });
  });

  it('takes a line that is only long for no outage', async () => {
    let tries = 0;
    const { result, stubs } = await ask({
      checkRows: () => ((tries += 1) < 60 ? Promise.reject(busy()) : DONE),
      checkedThrough: () => 0,
    });
    expect(result).toEqual(DONE);
    expect(stubs.named('checkRows').some(isLast)).toBe(false);
  });

  it('does not go on with refused credentials', async () => {
    const { result, stubs } = await ask({ checkRows: () => Promise.reject(refused()) });
    expect(failureOf(result)).toMatchObject({ type: 'CredentialsRefused' });
    expect(stubs.named('checkRows')).toHaveLength(1);
  });
});

describe('erasure', () => {
  it('goes on after the ledger was away, and hands nothing but a reference through', async () => {
    let tries = 0;
    const input = { dataset: 'ds_1', requestedBy: 'dana' };
    const { result, stubs } = await play('erasure', input, {
      erasePerson: () => ((tries += 1) < 3 ? Promise.reject(away()) : { records: 2 }),
    });
    expect(result).toEqual({ records: 2 });
    expect(stubs.named('erasePerson')).toEqual([input, input, input]);
    const { result: wrong } = await play('erasure', { contactId: CONTACT }, {});
    expect(failureOf(wrong)).toMatchObject({ type: 'InvalidInput' });
  });
});
