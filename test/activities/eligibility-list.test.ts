import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containsId } from '../../src/activities/consent/erasure.ts';
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
import { CONTEXT, environment, fakeCxone, nothingSent, perform, workerOf } from './harness.ts';

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

/** Every contact has opted in, but for what `answer` says. `asked`: by contact, in order. */
function cxoneThat(
  answer: (request: FindPreferenceRequest) => Partial<StoredPreference> | null = () => ({}),
) {
  const asked: string[] = [];
  const find = (request: FindPreferenceRequest) => {
    asked.push(request.contactId);
    return Promise.resolve().then(() => {
      const over = answer(request);
      return over && { ...OPTED_IN, contactId: request.contactId, channel: request.channel, ...over };
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

/** The activities as one workflow calls them. */
function checker(cxone: Cxone) {
  const checkId = someId('check');
  const { activities } = workerOf(opened().ledger, cxone);
  const env = () => {
    const context = environment();
    Object.assign(context.context.info, { workflowExecution: { workflowId: checkId, runId: 'r' } });
    return context;
  };
  return {
    check: (input: EligibilityListInput, isLastPass = false) =>
      perform(() => activities.checkRows({ ...input, isLastPass }), env()),
    results: async () => {
      const rows = [];
      for await (const { seq, eligible, reason } of opened().ledger.eligibilityResults.list(checkId))
        rows.push([seq, eligible, reason]);
      return rows;
    },
  };
}

describe('checking the rows of a dataset', () => {
  it('asks about each row and keeps the answer by its number', async () => {
    const { cxone, asked } = cxoneThat(({ contactId }) =>
      contactId === guid(2) ? { optIn: false } : contactId === guid(3) ? null : {},
    );
    const rows = [1, 2, 3].map((n) => ({ contactId: guid(n), channel: 'email' }));
    const { id } = await stage([
      ...rows,
      { contactId: 'crm-1', channel: 'email' },
      { contactId: guid(5), channel: 'fax' },
    ]);
    const { check, results } = checker(cxone);
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

  it('in an outage keeps the answers it has, asks few in vain, and goes on at the rows that have none', async () => {
    let isAway = true;
    const { cxone, asked } = cxoneThat(({ contactId }) => {
      if (isAway && contactId >= guid(300)) throw nothingSent();
      return {};
    });
    const { id } = await stage(people(450));
    const { check, results } = checker(cxone);
    await expect(check({ dataset: id, channel: 'sms' })).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    // Sixteen at a time, in no order of their own: the last ones before the outage may meet it.
    expect((await results()).length).toBeGreaterThan(299 - 2 * 16);
    expect(asked.length).toBeLessThan(299 + 2 * 16);
    isAway = false;
    expect(await check({ dataset: id, channel: 'sms' })).toMatchObject({ eligible: 450 });
    expect(asked.filter((each) => each < guid(300))).toHaveLength(299);
  });

  it('one contact that CXone cannot answer for stops none of the others, and has no answer in the end', async () => {
    const { cxone, asked } = cxoneThat(({ contactId }) => {
      if (contactId === guid(120)) throw new CxoneUnavailable(CONTEXT, null, 'no');
      return {};
    });
    const { id } = await stage(people(450));
    const { check, results } = checker(cxone);
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

  it('an answer that nobody can read is asked for three times, and is a no about this row only', async () => {
    const { cxone, asked } = cxoneThat(({ contactId }) => {
      if (contactId === guid(2)) throw new CxoneUnreadable(CONTEXT, 'optIn is no boolean');
      return {};
    });
    const { id } = await stage(people(30));
    expect(await checker(cxone).check({ dataset: id, channel: 'sms' })).toMatchObject({
      eligible: 29,
      ineligible: { consent_unavailable: 1 },
    });
    expect(asked).toHaveLength(32);
  });

  it('nothing but answers that nobody can read is an outage, and no answer about anybody', async () => {
    const { cxone } = cxoneThat(() => {
      throw new CxoneUnreadable(CONTEXT, 'a login page');
    });
    const { id } = await stage(people(3));
    const { check, results } = checker(cxone);
    await expect(check({ dataset: id, channel: 'sms' })).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await results()).toEqual([]);
  });

  it('gives up closed: who has no answer when asked once more is not eligible', async () => {
    const { cxone, asked } = cxoneThat(({ contactId }) => {
      if (contactId === guid(1)) throw nothingSent();
      return {};
    });
    const { id } = await stage([...people(2), { contactId: 'crm-1' }]);
    const { check } = checker(cxone);
    expect(await check({ dataset: id, channel: 'email' }, true)).toMatchObject({
      eligible: 1,
      ineligible: { consent_unavailable: 1, no_contact_id: 1 },
    });
    expect([...asked].sort()).toEqual([guid(1), guid(2)]);
  });

  it('gives up on all the rest after a few that CXone does not answer, without asking', async () => {
    const { cxone, asked } = cxoneThat(() => {
      throw nothingSent();
    });
    const { id } = await stage(people(450));
    expect(await checker(cxone).check({ dataset: id, channel: 'email' }, true)).toMatchObject({
      eligible: 0,
      ineligible: { consent_unavailable: 450 },
    });
    expect(asked.length).toBeLessThan(15);
  });

  it('does not choose between two keys of one name', async () => {
    const { cxone, asked } = cxoneThat();
    const { id } = await stage([{ contactId: guid(1), contact_id: guid(2) }, { contactId: guid(3) }]);
    expect(await checker(cxone).check({ dataset: id, channel: 'email' })).toMatchObject({
      eligible: 1,
      ineligible: { field_ambiguous: 1 },
    });
    expect(asked).toEqual([guid(3)]);
  });

  it('a question that CXone refuses is a no about this row; refused credentials end the check', async () => {
    const { id } = await stage([{ contactId: guid(1) }, { contactId: guid(2) }]);
    const odd = cxoneThat(({ contactId }) => {
      if (contactId === guid(1)) throw new CxoneRefused({ ...CONTEXT, status: 400 });
      return {};
    });
    expect(await checker(odd.cxone).check({ dataset: id, channel: 'email' })).toMatchObject({
      eligible: 1,
      ineligible: { consent_unavailable: 1 },
    });
    const locked = cxoneThat(() => {
      throw new CxoneUnauthorized(CONTEXT, 'api');
    });
    await expect(checker(locked.cxone).check({ dataset: id, channel: 'email' })).rejects.toMatchObject({
      type: 'CredentialsRefused',
      nonRetryable: true,
    });
  });

  it('whom our own list has is a no, whatever CXone says, and without asking', async () => {
    const { cxone, asked } = cxoneThat();
    const contactId = guid(77);
    const objection = {
      contactId,
      channel: 'voice',
      reason: 'erased',
      since: '2026-01-01T00:00:00Z',
    } as const;
    await opened().ledger.suppressions.add([objection], null);
    const { id } = await stage([{ contactId }, { contactId, channel: 'sms' }]);
    expect(await checker(cxone).check({ dataset: id, channel: 'voice' })).toMatchObject({
      eligible: 0,
      ineligible: { suppressed: 2 },
    });
    expect(asked).toEqual([]);
  });

  it('a dataset that is not there, or has not the columns, is said so', async () => {
    const { check } = checker(cxoneThat().cxone);
    await expect(check({ dataset: 'ds_none' })).rejects.toMatchObject({ type: 'SourceUnreadable' });
    const csv = await opened().ledger.datasets.stage(
      'a.csv',
      'csv',
      Readable.from([Buffer.from('phone\n1\n')]),
    );
    await expect(check({ dataset: csv.id })).rejects.toThrow(/No column for contactId/);
    // A first line that is no header may be a person: a failure stands in the history.
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

describe('looking for a person in the bytes of a file', () => {
  const inChunks = (text: string, size: number): AsyncIterable<Buffer> => {
    const bytes = Buffer.from(text);
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    return Readable.from(parts);
  };

  it('finds the id wherever chunks are cut, in any case, and no longer id that begins or ends with it', async () => {
    const around = fc.constantFrom('', ',', '"', '\n', ' é ', '1', 'a', '-', '_');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('c1', 'crm-é.7', guid(1)),
        around,
        around,
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        async (id, before, after, size, isUpper) => {
          const written = isUpper ? id.replace(/[a-z]/g, (letter) => letter.toUpperCase()) : id;
          const text = `${'x'.repeat(40)},${before}${written}${after},${'y'.repeat(40)}`;
          const isWord = !/[\w-]$/.test(before) && !/^[\w-]/.test(after);
          expect(await containsId(inChunks(text, size), id), text).toBe(isWord);
          expect(await containsId(inChunks(`${before}${written}`, size), id), 'at the end').toBe(
            !/[\w-]$/.test(before),
          );
        },
      ),
    );
  });
});
