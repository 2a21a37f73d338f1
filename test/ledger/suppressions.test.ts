import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile } from './harness.ts';

const opened = ledgerOfFile();
const list = () => opened().ledger.suppressions;

let people = 0;
const somebody = (): string => {
  people += 1;
  return `a1b2c3d4-0000-0000-0000-${String(people).padStart(12, '0')}`;
};

const objection = (contactId: string, since: string) =>
  ({ contactId, channel: 'email', reason: 'gdpr_needs_consent_date', since }) as const;

const BATCH = { runId: 'r', writeId: '1', batchKey: 'k', sentAt: null, requestId: null, httpStatus: 200 };
/** An opt-in that CXone took. */
const TAKEN = {
  optIn: true,
  withdrawalTimestamp: null,
  regulatoryRegion: 'GDPR',
  source: 'web-form',
  idempotencyKey: 'i',
  updatedAt: '2024-06-01T00:00:00.000Z',
  outcome: 'updated',
  reasons: [],
  evidence: null,
} as const;

describe('the suppression list', () => {
  it('names nobody: a keyed hash stands there, the same for every process', async () => {
    const { ledger, database, url } = opened();
    const person = somebody();
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    const other = openLedger(url, 1);
    expect(await other.subjects.hash(person.toUpperCase())).toBe(await ledger.subjects.hash(person));
    await other.close();
    const { rows } = await sql<{ row: string }>`select suppressions::text as row from suppressions`.execute(
      database.db,
    );
    expect(rows.filter(({ row }) => row.includes(person))).toEqual([]);
  });

  it('finds whom it has, on the channels that are asked for', async () => {
    const [person, other] = [somebody(), somebody()];
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    expect(await list().find([other, person.toUpperCase()], ['sms', 'email'])).toEqual([
      { contactId: person.toUpperCase(), channel: 'email', since: new Date('2024-06-01T00:00:00Z') },
    ]);
    expect(await list().find([person], ['sms', 'voice'])).toEqual([]);
  });

  it('an entry that comes right after a look at an empty list is seen by whoever made it', async () => {
    const { database } = opened();
    await sql`delete from suppressions`.execute(database.db);
    const person = somebody();
    expect(await list().find([person], ['email'])).toEqual([]);
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    expect(await list().find([person], ['email'])).toHaveLength(1);
  });

  it('only a consent that is newer than the withdrawal ends it, whichever becomes known first', async () => {
    const consent = (contactId: string, consentTimestamp: string) =>
      list().recordConsents([{ contactId, channel: 'email', consentTimestamp }]);
    const person = somebody();
    const isSuppressed = async () => (await list().find([person], ['email'])).length > 0;
    await list().add([objection(person, '2024-06-01T00:00:00Z')], 1);
    await consent(person, '2024-06-01T00:00:00Z');
    expect(await isSuppressed(), 'the same moment: the withdrawal wins').toBe(true);
    await consent(person, '2024-07-01T00:00:00Z');
    expect(await isSuppressed(), 'consented again').toBe(false);
    await list().add([objection(person, '2024-06-15T00:00:00Z')], 2);
    expect(await isSuppressed(), 'an older withdrawal that comes late').toBe(false);
    await list().add([objection(person, '2024-08-01T00:00:00Z')], 3);
    expect(await isSuppressed(), 'withdrawn again').toBe(true);
  });

  it('the order in which objections and consents become known does not matter', async () => {
    const { ledger, database } = opened();
    const days = fc.integer({ min: 1, max: 9 });
    const events = fc.array(fc.record({ isConsent: fc.boolean(), day: days }), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(events, fc.boolean(), async (known, isReversed) => {
        const person = somebody();
        const at = (n: number) => `2024-06-0${n}T00:00:00.000Z`;
        for (const [i, { isConsent, day }] of (isReversed ? [...known].reverse() : known).entries()) {
          if (!isConsent) await list().add([objection(person, at(day))], 1);
          // As a settle does it: what CXone took is proved.
          else
            await database.db.transaction().execute(async (tx) => {
              const consent = { contactId: person, channel: 'email', consentTimestamp: at(day) } as const;
              await list().recordConsents([consent], tx);
              await ledger.consentProof.record(tx, BATCH, [{ ...TAKEN, ...consent, seq: i + 1 }]);
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

  it('the same people at once from two sides do not wait for each other in a circle', async () => {
    const crowd = Array.from({ length: 200 }, somebody);
    const all = crowd.map((person) => objection(person, '2024-06-01T00:00:00Z'));
    await Promise.all([list().add(all, 1), list().add([...all].reverse(), 2), list().add(all, 3)]);
    expect(await list().find(crowd, ['email'])).toHaveLength(200);
  });
});
