import { describe, expect, it } from 'vitest';
import type { EligibilityCheckInput } from '../../src/contract/consent.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { runActivity } from './harness.ts';
import { day, guid, nextPerson, optIn, rowWorkersOfFile, stored } from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('the eligibility of one contact', () => {
  const ask = async (input: EligibilityCheckInput, options: SimulatorOptions = {}) => {
    const { activities, admin } = await start(options);
    return { admin, answer: () => runActivity(() => activities.checkEligibility(input)) };
  };

  it('is the answer of CXone, with rule, policy and facts', async () => {
    const n = nextPerson();
    const { admin, answer } = await ask({ contactId: guid(n), channel: 'email', optInStatus: 'confirmed' });
    expect(await answer()).toMatchObject({ eligible: false, reason: 'no_consent_on_record' });
    await admin.seedPreferences([stored(optIn(n, 5))]);
    expect(await answer()).toMatchObject({
      eligible: true,
      reason: 'compliant',
      policy: 'default',
      facts: { channel: 'email', optInStatus: 'confirmed', preference: { consentTimestamp: day(5) } },
    });
  });

  it('is no, without a request, for a contact id that is not a GUID', async () => {
    const { answer } = await ask({ contactId: 'crm-1', channel: 'email' });
    expect(await answer()).toMatchObject({ eligible: false, reason: 'no_contact_id' });
  });

  it('fails with a retryable failure after a 429, which blocks the tenant', async () => {
    const get = { method: 'GET', family: 'preferences' } as const;
    const { answer } = await ask(
      { contactId: guid(nextPerson()), channel: 'email' },
      { faults: [{ match: get, times: 1, fault: { status: 429, retryAfter: 30 } }] },
    );
    await expect(answer()).rejects.toMatchObject({ type: 'RateLimited', nonRetryable: false });
    const again = await answer().then(
      () => null,
      (error: { nextRetryDelay?: unknown }) => error,
    );
    expect(Number(again?.nextRetryDelay)).toBeGreaterThan(20_000);
  });
});
