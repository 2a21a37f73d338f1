/** The consent workflows under kill -9: an eligibility check of many rows, and an erasure. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { guid, optedIn } from '../chaos/work/people.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { useProcesses } from '../harness/processes.ts';
import { waitingForLocks } from '../ledger/harness.ts';
import { query } from './observe.ts';
import { chooseSeed, createRandom, onStand, type Stand, until } from './stand.ts';

const IN_FLIGHT = 4;
const rows = (n: number) => Array.from({ length: n }, (_, i) => ({ contactId: guid(i), channel: 'email' }));

async function countLookups({ admin }: Stand): Promise<number> {
  const { requests } = await admin.stats();
  return Object.values(requests['GET /api/v2/preferences'] ?? {}).reduce((sum, n) => sum + n, 0);
}

async function stage(stand: Stand, all: readonly object[]): Promise<string> {
  const { source } = await stand.client().stageRows(all);
  return 'dataset' in source ? source.dataset : expect.fail('a dataset');
}

describe.concurrent('a worker that is killed', () => {
  const processes = useProcesses();

  it('in the middle of an eligibility check: every row gets one result, and few lookups are repeated', async () => {
    const seed = chooseSeed(71);
    const random = createRandom(seed);
    const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
    await onStand(processes, { seed, latencyMs: 10, env }, async (stand) => {
      const total = 1_200;
      const eligible = Array.from({ length: total / 2 }, (_, i) => i * 2);
      await stand.admin.seedPreferences(eligible.map(optedIn));
      const worker = await stand.readyWorker();
      const dataset = await stage(stand, rows(total));
      const client = stand.client();
      const checkId = client.newCheckId();
      const checked = client.checkEligibilityList({ dataset }, checkId);
      const at = random(250, 700);
      await until(
        () => countLookups(stand),
        (n) => n >= at,
      );
      await worker.kill();
      await stand.readyWorker();
      expect(await checked).toMatchObject({
        checkId,
        eligible: total / 2,
        ineligible: { no_consent_on_record: total / 2 },
      });
      const seqs: number[] = [];
      for await (const { seq, eligible: isEligible } of client.eligibility(checkId)) {
        seqs.push(seq);
        expect(isEligible, `row ${seq}`).toBe(seq % 2 === 1);
      }
      expect(seqs).toEqual(rows(total).map((_, i) => i + 1));
      // Only the lookups of a chunk that was not stored yet are repeated.
      expect(await countLookups(stand)).toBeLessThanOrEqual(total + 200);
    });
  });
});

describe.concurrent('a worker that is killed', () => {
  const processes = useProcesses();

  it('in the middle of an erasure: it takes effect once, as a whole or not at all', async () => {
    const person = guid(1);
    await onStand(processes, {}, async (stand) => {
      const first = await stand.readyWorker();
      await stage(stand, rows(3));
      const database = openDatabase(stand.databaseUrl, 1);
      const erased = await database.db.transaction().execute(async (tx) => {
        // The erasure waits for this lock in its last step but one; its transaction is not committed yet.
        await sql`lock table erasures in share mode`.execute(tx);
        const request = stand.client().erase({ contactId: person, requestedBy: 'dana' });
        await until(
          () => query(stand, waitingForLocks),
          (n) => n > 0,
        );
        await first.kill();
        expect(await readLedgerContents(stand.databaseUrl)).toContain(person);
        return { request };
      });
      await database.close();
      await stand.readyWorker();
      const result = await erased.request;
      expect(result).toMatchObject({ suppressed: ['email', 'sms', 'voice', 'webchat'], waitingFor: [] });
      expect(await readLedgerContents(stand.databaseUrl)).not.toContain(person);
      const { rows: kept } = await query(stand, (db) =>
        sql<{ n: number; audited: number }>`select (select count(*)::int from erasures) as n,
          (select count(*)::int from (select data::text from audit union all select data::text from audit_pending) a
            where data like '%requestedBy%dana%') as audited`.execute(db),
      );
      expect(kept).toEqual([{ n: 1, audited: 1 }]);
      const eligibility = await stand.client().checkEligibility({ contactId: person, channel: 'sms' });
      expect(eligibility).toMatchObject({ eligible: false, reason: 'suppressed' });
    });
  });
});
