import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/domain/run.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile, newContact } from './harness.ts';

const opened = ledgerOfFile();
const list = () => opened().ledger.suppressions;

const objection = (contactId: string, since: string) =>
  ({ contactId, channel: 'email', reason: 'gdpr_needs_consent_date', since }) as const;

const BATCH = { runId: 'r', writeId: '1', batchKey: 'k', sentAt: null, requestId: null, httpStatus: 200 };
/** An opt-in that is known to be in CXone, once it has an outcome. */
const OPT_IN = {
  optIn: true,
  withdrawalTimestamp: null,
  regulatoryRegion: 'GDPR',
  source: 'web-form',
  idempotencyKey: 'i',
  updatedAt: '2024-06-01T00:00:00.000Z',
  reasons: [],
  evidence: null,
} as const;

describe('the suppression list', () => {
  it('contains keyed hashes instead of contact ids, the same for every process', async () => {
    const { ledger, database, url } = opened();
    const person = newContact();
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    const other = openLedger(url, 1);
    expect(await other.subjects.hash(person.toUpperCase())).toBe(await ledger.subjects.hash(person));
    await other.close();
    const { rows } = await sql<{ row: string }>`select suppressions::text as row from suppressions`.execute(
      database.db,
    );
    expect(rows.filter(({ row }) => row.includes(person))).toEqual([]);
  });

  it('finds the contacts that it has, on the requested channels', async () => {
    const [person, other] = [newContact(), newContact()];
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    expect(await list().find([other, person.toUpperCase()], ['sms', 'email'])).toEqual([
      {
        contactId: person.toUpperCase(),
        channel: 'email',
        since: new Date('2024-06-01T00:00:00Z'),
        reason: objection(person, '2024-06-01T00:00:00Z').reason,
      },
    ]);
    expect(await list().find([person], ['sms', 'voice'])).toEqual([]);
  });

  it('an entry that another process adds right after the list was empty is found', async () => {
    const { database, url } = opened();
    await sql`delete from suppressions`.execute(database.db);
    const person = newContact();
    expect(await list().isEmpty()).toBe(true);
    expect(await list().find([person], ['email'])).toEqual([]);
    const other = openLedger(url, 1);
    await other.suppressions.add([objection(person, '2024-06-01T00:00:00Z')], 1);
    await other.close();
    expect(await list().isEmpty()).toBe(false);
    expect(await list().find([person], ['email'])).toHaveLength(1);
  });

  it('only a consent that is newer than the withdrawal ends a suppression, whichever becomes known first', async () => {
    const consent = (contactId: string, consentTimestamp: string) =>
      list().recordConsents([{ contactId, channel: 'email', consentTimestamp }]);
    const person = newContact();
    const isSuppressed = async () => (await list().find([person], ['email'])).length > 0;
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    await consent(person, '2024-06-01T00:00:00Z');
    expect(await isSuppressed(), 'the same moment: the withdrawal wins').toBe(true);
    await consent(person, '2024-07-01T00:00:00Z');
    expect(await isSuppressed(), 'consented again').toBe(false);
    await list().add([objection(person, '2024-06-15T00:00:00Z')], 2);
    expect(await isSuppressed(), 'an older withdrawal that becomes known late').toBe(false);
    await list().add([objection(person, '2024-08-01T00:00:00Z')], 3);
    expect(await isSuppressed(), 'withdrawn again').toBe(true);
  });

  it('the order in which objections and consents become known does not matter (property)', async () => {
    const { ledger, database } = opened();
    const days = fc.integer({ min: 1, max: 9 });
    const outcome = fc.constantFrom<Outcome>('updated', 'existing');
    const events = fc.array(fc.record({ isConsent: fc.boolean(), day: days, outcome }), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(events, fc.boolean(), async (known, isReversed) => {
        const person = newContact();
        const at = (n: number) => `2024-06-0${n}T00:00:00.000Z`;
        for (const [i, { isConsent, day, outcome }] of (isReversed
          ? [...known].reverse()
          : known
        ).entries()) {
          if (!isConsent) await list().add([objection(person, at(day))], 1);
          // As in a settlement: a consent that CXone has gets its proof.
          else
            await database.db.transaction().execute(async (tx) => {
              const consent = { contactId: person, channel: 'email', consentTimestamp: at(day) } as const;
              await list().recordConsents([consent], tx);
              await ledger.consentProof.record(tx, BATCH, [{ ...OPT_IN, ...consent, outcome, seq: i + 1 }]);
            });
        }
        const newest = (isConsent: boolean) =>
          Math.max(0, ...known.filter((each) => each.isConsent === isConsent).map(({ day }) => day));
        const isSuppressed = newest(false) > 0 && newest(false) >= newest(true);
        expect(await list().find([person], ['email'])).toHaveLength(isSuppressed ? 1 : 0);
      }),
      { numRuns: 40 },
    );
  });

  it('adding the same contacts several times at once does not deadlock', async () => {
    const contactIds = Array.from({ length: 200 }, newContact);
    const all = contactIds.map((person) => objection(person, '2024-06-01T00:00:00Z'));
    await Promise.all([list().add(all, 1), list().add([...all].reverse(), 2), list().add(all, 3)]);
    expect(await list().find(contactIds, ['email'])).toHaveLength(200);
  });
});
