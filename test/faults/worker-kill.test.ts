/**
 * A worker is killed, terminated or suspended, and another one takes over. The tests run concurrently, each with its own
 * processes, because they mostly wait for heartbeats and leases.
 */
import { setTimeout as delay } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { claimable, countClaims, listHolders, outcomesByEvidence, query } from './observe.ts';
import { chooseSeed, createRandom, hurry, onStand, type Stand, until, untilApplied } from './stand.ts';

describe.concurrent('kill -9', () => {
  const processes = useProcesses();
  it('an import completes although its worker is killed eight times, and writes no contact twice', async () => {
    const random = createRandom(chooseSeed(20261));
    await onStand(processes, { latencyMs: 500, env: { CXFLOW_MAX_IN_FLIGHT: '2' } }, async (stand) => {
      const runId = await stand.startImport(10_000);
      let lost = 0;
      let worker = await stand.readyWorker();
      for (let kills = 0; kills < 8; kills += 1) {
        const { applied } = await stand.admin.health();
        // Every other worker is killed only after it has written something, the rest shortly after they have started.
        const untilWriting = () => until(stand.admin.health, (now) => now.applied > applied);
        if (kills % 2 === 0) await untilWriting();
        await delay(random(300, 800));
        lost += (await stand.admin.stats()).inFlight;
        await worker.kill();
        worker = await stand.readyWorker();
      }
      await hurry(stand);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(lost, 'requests in flight when their worker was killed').toBeGreaterThan(3);
    });
  });
});

describe.concurrent('kill -9 with claims ahead', () => {
  const processes = useProcesses();
  it('does not report contacts as created that CXone had before, whether their batch was in flight or never sent', async () => {
    const [slots, size, rows] = [4, 100, 2_000];
    await onStand(processes, { env: { CXFLOW_MAX_IN_FLIGHT: String(slots) } }, async (stand) => {
      const worker = await stand.readyWorker();
      const first = await stand.startImport(rows);
      await stand.ended(first);
      await stand.admin.change({ latencyMs: 60_000 });
      const runId = await stand.startImport(rows, { again: true });
      const claimed = claimable(1, slots);
      await until(
        () => openClaims(stand),
        ({ open, sent }) => open === claimed && sent === slots,
      );
      await worker.kill();
      await hurry(stand);
      await stand.readyWorker();
      await stand.ended(runId);
      const known = await outcomesByEvidence(stand, runId);
      expect(known).toMatchObject({ 'existing own_write_or_existing': claimed * size });
      // The second run created nothing: the first still accounts for every contact of the list.
      expect(Object.keys(known).filter((each) => each.startsWith('created'))).toEqual([]);
      await stand.conserved(first);
    });
  });
});

describe.concurrent('SIGTERM', () => {
  const processes = useProcesses();
  it('hands over the page although a request hangs, and the next worker finishes the run', async () => {
    // Draining has to stop waiting for the request that hangs; test/activities/page-halting.test.ts shows that it does.
    const faults = [
      { match: { family: 'contactlists' as const }, after: 12, times: 1, fault: { hang: true as const } },
    ];
    await onStand(
      processes,
      { latencyMs: 500, faults, env: { CXFLOW_MAX_IN_FLIGHT: '4' } },
      async (stand) => {
        const runId = await stand.startImport(6_000);
        const first = await stand.readyWorker();
        await untilApplied(stand, 1_500);
        const terminatedAt = performance.now();
        expect(await first.terminate()).toEqual({ code: 0, signal: null });
        // Container runtimes kill a process that takes longer; the worker itself aims at 12 s (docs/adr/0014-lost-answers.md#times).
        expect(performance.now() - terminatedAt, 'ms until its exit').toBeLessThan(30_000);
        const { raw } = await stand.client().temporal.workflow.getHandle(runId).describe();
        const attempts = (raw.pendingActivities ?? []).filter(({ state }) => state === STARTED);
        expect(attempts, 'activities that were not handed over and have to time out').toEqual([]);
        const { applied } = await stand.admin.health();
        await delay(500);
        expect(
          (await stand.admin.health()).applied,
          'records in CXone, which must not change after the exit',
        ).toBe(applied);
        await hurry(stand);
        await stand.readyWorker();
        const result = await stand.ended(runId);
        await stand.conserved(runId, { result });
        expect(first.stderr()).toBe('');
      },
    );
  });
});

/** Counts the claimed writes, and those of them whose requests have left according to the ledger. */
async function openClaims(stand: Stand) {
  const { rows } = await query(stand, (db) =>
    sql<{ open: number; sent: number }>`
      select count(*)::int as open, count(*) filter (where sent_fence = fence)::int as sent
      from writes where state = 'sending'`.execute(db),
  );
  return rows[0] ?? { open: 0, sent: 0 };
}

const { PENDING_ACTIVITY_STATE_STARTED: STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

describe.concurrent('a suspended worker', () => {
  const processes = useProcesses();
  it('writes no contact twice when it resumes after its leases have expired, while another worker is running', async () => {
    await onStand(processes, { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } }, async (stand) => {
      const runId = await stand.startImport(14_000);
      const suspended = await stand.readyWorker();
      await untilApplied(stand, 1_000);
      suspended.pause();
      expect(
        (await countClaims(stand, suspended.pid)).open,
        'writes in flight when it is suspended',
      ).toBeGreaterThan(0);
      await stand.readyWorker();
      await until(
        () => countClaims(stand, suspended.pid),
        ({ open }) => open === 0,
      );
      suspended.resume();
      await hurry(stand);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(await listHolders(stand)).toHaveLength(2);
    });
  });
});

describe.concurrent('a worker that is suspended right before a request, where CXone accepts duplicates', () => {
  const processes = useProcesses();
  it('does not send the request after another worker has taken over the write', async () => {
    // One request at a time, so that nothing else is in flight while the worker is suspended.
    const env = { CXFLOW_MAX_IN_FLIGHT: '1', CXONE_DUPLICATES_REFUSED: 'false' };
    await onStand(processes, { env, simulatorArgs: ['--accept-duplicates'] }, async (stand) => {
      const point = { CXFLOW_CRASH_AT: 'stop/writePage/contactLists.createRecords:3' };
      const suspended = await stand.readyWorker(point);
      const runId = await stand.startImport(1_000, { onInDoubt: 'resend' });
      await suspended.waitFor(/stopped at writePage/);
      await stand.readyWorker();
      const result = await stand.ended(runId);
      expect((await stand.admin.health()).applied, 'applied records, including the third batch').toBe(
        result.counts.created,
      );
      suspended.resume();
      // On SIGTERM the worker waits for its activities before it exits.
      await suspended.terminate();
      await stand.conserved(runId, { result });
      expect(await listHolders(stand)).toHaveLength(2);
    });
  });
});
