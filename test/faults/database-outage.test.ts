/** PostgreSQL is killed, stays down for a while, or refuses connections. Without a claim, no request may leave. */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import pg from 'pg';
import { expect, it } from 'vitest';
import { freshDatabase } from '../harness/fresh.ts';
import { useProcesses } from '../harness/processes.ts';
import { ownPostgres } from '../harness/servers.ts';
import { claimable, listRequests, query } from './observe.ts';
import { chooseSeed, createRandom, hurry, onStand, type Stand, until, untilApplied } from './stand.ts';

const processes = useProcesses();

const IN_FLIGHT = 2;

it('an import completes although PostgreSQL is killed twice, the second time for ten seconds', async () => {
  const random = createRandom(chooseSeed(20265));
  const postgres = await ownPostgres();
  const options = {
    databaseUrl: postgres.current().url,
    latencyMs: 500,
    env: { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) },
  };
  await onStand(processes, options, async (stand) => {
    const worker = await stand.readyWorker();
    const runId = await stand.startImport(8_000);
    for (const downMs of [0, 10_000]) {
      const { applied } = await stand.admin.health();
      await until(stand.admin.health, (now) => now.applied > applied);
      await delay(random(300, 800));
      await postgres.kill();
      const diedAt = Date.now();
      await delay(downMs);
      const late = (await listRequests(stand)).filter(({ at }) => Date.parse(at) > diedAt);
      // Without the ledger's claims there would be about forty in ten seconds.
      expect(late.length, 'requests while the database is down').toBeLessThanOrEqual(claimable(1, IN_FLIGHT));
      await postgres.restart();
    }
    await hurry(stand);
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    expect(await Promise.race([worker.exited, delay(0, 'alive')])).toBe('alive');
    await expectEveryContactClaimed(stand);
  });
});

/** In addition to conservation.ts: every contact in CXone's journal belongs to a write that was claimed. */
async function expectEveryContactClaimed(stand: Stand): Promise<void> {
  const { rows } = await query(stand, (db) =>
    sql<{ contact: string }>`select distinct r.record->>'contactId' as contact
      from writes p, unnest(p.seqs) s join records r on r.seq = s
      where r.run_no = p.run_no and p.attempts > 0`.execute(db),
  );
  const claimed = new Set(rows.map(({ contact }) => contact));
  const journal = await stand.admin.journal();
  expect(journal.filter(({ contactId }) => !claimed.has(contactId))).toEqual([]);
}

it('an import is only delayed by a database that refuses connections', async () => {
  const databaseUrl = await freshDatabase();
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const role = `limited_${process.pid}`;
  const limited = new URL(databaseUrl);
  [limited.username, limited.password] = [role, 'limited'];
  await admin.query(`create role ${role} login password 'limited'`);
  await admin.query(
    `grant all on schema public to ${role}; grant all on database ${limited.pathname.slice(1)} to ${role}`,
  );
  try {
    const options = { databaseUrl: limited.href, latencyMs: 100, env: { CXFLOW_MAX_IN_FLIGHT: '4' } };
    await onStand(processes, options, async (stand) => {
      await stand.readyWorker();
      const runId = await stand.startImport(8_000);
      await untilApplied(stand, 1_000);
      // Connection limits do not apply to superusers, so the worker uses an ordinary role.
      await admin.query(`alter role ${role} connection limit 1`);
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
      await delay(5_000);
      await admin.query(`alter role ${role} connection limit -1`);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
    });
  } finally {
    await admin.end();
  }
});
