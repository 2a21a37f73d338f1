/** What is open in the ledger, as a worker publishes it. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { OpenWork } from '../../src/ledger/open-work.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { claimed, group, ledgerOfFile, plannedRun, settlement, untilWaiting, writesOf } from './harness.ts';

const opened = ledgerOfFile();
const read = () => opened().ledger.openWork('t');
const change = (query: ReturnType<typeof sql>) => query.execute(opened().database.db);

const NONE: OpenWork = {
  runs: [],
  failed: [],
  writesInDoubt: 0,
  undeliveredEvents: 0,
  oldestUndeliveredEventSeconds: 0,
  unsealedAuditEntries: 0,
  oldestUnsealedAuditEntrySeconds: 0,
  rateBlockSeconds: 0,
};

/** Of two writes: one is settled, the other in doubt. Each has an event and an entry in the audit. */
async function runInDoubt(): Promise<Run> {
  const { ledger } = opened();
  const run = await plannedRun(ledger, 4, 2);
  for (const [i, write] of (await writesOf(ledger, run)).entries()) {
    const { fence } = await claimed(ledger, run, write.id);
    const [state, outcome] =
      i === 0 ? (['settled', 'created'] as const) : (['in_doubt', 'in_doubt'] as const);
    await ledger.writes.settle({ ...settlement(write.id, fence, [group(outcome, write.seqs)]), state });
  }
  return run;
}

it('counts what is open, and what has ended no longer', async () => {
  const { ledger } = opened();
  expect(await read()).toEqual(NONE);

  const run = await runInDoubt();
  const twoMinutesAgo = Date.now() - 120_000;
  await ledger.runs.setPhase(run.run_no, 'in_doubt', 'a decision', twoMinutesAgo);
  await change(
    sql`update runs set phase = 'in_doubt', phase_fence = ${twoMinutesAgo} where run_no = ${run.run_no}`,
  );
  const [event] = await ledger.outbox.listUndelivered(run.run_no, 10);
  await ledger.outbox.markFailed(event?.id ?? '', 'status 503');
  await change(sql`update outbox set created_at = clock_timestamp() - interval '90 s'`);
  await change(sql`update audit_pending set at = clock_timestamp() - interval '30 s'`);
  const open = await read();
  expect(open).toMatchObject({
    runs: [{ kind: 'contactImport', phase: 'in_doubt', count: 1 }],
    writesInDoubt: 1,
    // The other one waits for its turn.
    undeliveredEvents: 1,
    // That the run was opened, and two settlements.
    unsealedAuditEntries: 3,
  });
  expect(open.runs[0]?.longestSeconds).toBeGreaterThanOrEqual(120);
  expect(open.oldestUndeliveredEventSeconds).toBeGreaterThanOrEqual(90);
  expect(open.oldestUnsealedAuditEntrySeconds).toBeGreaterThanOrEqual(30);

  await ledger.audit.seal();
  await change(
    sql`update runs set state = 'failed', finished_at = clock_timestamp() where run_no = ${run.run_no}`,
  );
  expect(await read()).toMatchObject({
    ...NONE,
    failed: [{ kind: 'contactImport', count: 1 }],
    // Nobody delivers it any more, and that is worth knowing for a while.
    undeliveredEvents: 1,
    oldestUndeliveredEventSeconds: expect.any(Number) as number,
  });
  await ledger.outbox.markDelivered(event?.id ?? '');
  await change(sql`update runs set state = 'completed' where run_no = ${run.run_no}`);
  expect(await read()).toEqual(NONE);
});

it('knows for how long a 429 blocks the tenant, and no other', async () => {
  const { ledger } = opened();
  await ledger.rateBudget.block('t', 60_000, 'HTTP 429');
  expect((await read()).rateBlockSeconds).toBeCloseTo(60, -1);
  expect((await ledger.openWork('other')).rateBlockSeconds).toBe(0);
});

it('gives up after a few seconds, so that it delays nobody who closes the ledger', async () => {
  const { ledger, database } = opened();
  await database.db.transaction().execute(async (tx) => {
    await sql`lock table audit_pending in access exclusive mode`.execute(tx);
    await expect(ledger.openWork('t')).rejects.toThrow(/statement timeout/);
  });
});

it('counts the connections of the process', async () => {
  const { ledger, database } = opened();
  await ledger.now();
  expect(ledger.connections()).toMatchObject({ busy: 0, waiting: 0 });
  let reading: Promise<unknown> | undefined;
  await database.db.transaction().execute(async (tx) => {
    await sql`lock table audit_pending in access exclusive mode`.execute(tx);
    reading = ledger.openWork('t');
    await untilWaiting(database.db, 1);
    expect(ledger.connections().busy).toBe(1);
  });
  await reading;
  expect(ledger.connections()).toMatchObject({ busy: 0, waiting: 0 });
});
