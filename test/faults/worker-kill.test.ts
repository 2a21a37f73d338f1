/**
 * A worker that dies, is stopped or sleeps, and a second one beside it. The three run
 * beside each other, each with processes of its own: most of it is waiting for heartbeats and leases.
 */
import { setTimeout as delay } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { claimable, claimsOf, holders, outcomesByEvidence, query } from './observe.ts';
import { hurry, onStand, randomOf, type Stand, seedOf, until, untilApplied } from './stand.ts';

describe.concurrent('kill -9', () => {
  const processes = useProcesses();
  it('an import outlives a worker that is killed eight times, and writes nobody twice', async () => {
    const random = randomOf(seedOf(20261));
    await onStand(processes, { latencyMs: 500, env: { CXFLOW_MAX_IN_FLIGHT: '2' } }, async (stand) => {
      const runId = await stand.startImport(10_000);
      let lost = 0;
      let worker = await stand.readyWorker();
      for (let kills = 0; kills < 8; kills += 1) {
        const { applied } = await stand.admin.health();
        // Every other kill waits until it writes again; the rest hit a worker that has just begun.
        const writes = () => until(stand.admin.health, (now) => now.applied > applied);
        if (kills % 2 === 0) await writes();
        await delay(random(300, 800));
        lost += (await stand.admin.stats()).inFlight;
        await worker.kill();
        worker = await stand.readyWorker();
      }
      await hurry(stand);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(lost, 'requests that lost their worker').toBeGreaterThan(3);
    });
  });
});

describe.concurrent('kill -9 with claims ahead', () => {
  const processes = useProcesses();
  it('what was claimed and never left is not reported as created, although CXone has it', async () => {
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
      expect(known).toMatchObject({
        'created own_write_lost_answer': slots * size,
        'existing own_write_or_existing': (claimed - slots) * size,
      });
      expect(known).not.toHaveProperty('created');
      // Nothing is new: the first run still accounts for every contact of the list.
      await stand.conserved(first);
    });
  });
});

describe.concurrent('SIGTERM', () => {
  const processes = useProcesses();
  it('hands the page over although a request hangs, and the next worker finishes', async () => {
    // One request hangs, so draining has to give up waiting for it (test/activities/page-halting.test.ts proves that it does).
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
        // A container that takes longer is killed; the worker itself promises 12 s (docs/adr/0014-lost-answers.md#times).
        expect(performance.now() - terminatedAt, 'ms until its end').toBeLessThan(30_000);
        const { raw } = await stand.client().temporal.workflow.getHandle(runId).describe();
        const attempts = (raw.pendingActivities ?? []).filter(({ state }) => state === STARTED);
        expect(attempts, 'pages that nobody has handed over, and that have to time out').toEqual([]);
        const { applied } = await stand.admin.health();
        await delay(500);
        expect((await stand.admin.health()).applied, 'nothing is written after its end').toBe(applied);
        await hurry(stand);
        await stand.readyWorker();
        const result = await stand.ended(runId);
        await stand.conserved(runId, { result });
        expect(first.stderr()).toBe('');
      },
    );
  });
});

/** Writes that are claimed, and those of which the ledger knows that their requests have left. */
async function openClaims(stand: Stand) {
  const { rows } = await query(stand, (db) =>
    sql<{ open: number; sent: number }>`
      select count(*)::int as open, count(*) filter (where sent_fence = fence)::int as sent
      from writes where state = 'sending'`.execute(db),
  );
  return rows[0] ?? { open: 0, sent: 0 };
}

const { PENDING_ACTIVITY_STATE_STARTED: STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

describe.concurrent('a worker that sleeps', () => {
  const processes = useProcesses();
  it('a worker that sleeps longer than its leases wakes up beside another, and writes nobody twice', async () => {
    await onStand(processes, { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '4' } }, async (stand) => {
      const runId = await stand.startImport(14_000);
      const sleeper = await stand.readyWorker();
      await untilApplied(stand, 1_000);
      sleeper.pause();
      expect((await claimsOf(stand, sleeper.pid)).open, 'writes that it falls asleep over').toBeGreaterThan(
        0,
      );
      await stand.readyWorker();
      await until(
        () => claimsOf(stand, sleeper.pid),
        ({ open }) => open === 0,
      );
      sleeper.resume();
      await hurry(stand);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(await holders(stand)).toHaveLength(2);
    });
  });
});

describe.concurrent('a worker that sleeps, where CXone accepts duplicates', () => {
  const processes = useProcesses();
  it('a worker that falls asleep right before a request sends it no more once another has taken it over', async () => {
    // One request at a time, so that the other worker's writing of that batch is the only other one.
    const env = { CXFLOW_MAX_IN_FLIGHT: '1', CXONE_DUPLICATES_REFUSED: 'false' };
    await onStand(processes, { env, simulatorArgs: ['--accept-duplicates'] }, async (stand) => {
      const point = { CXFLOW_CRASH_AT: 'stop/writePage/contactLists.createRecords:3' };
      const sleeper = await stand.readyWorker(point);
      const runId = await stand.startImport(1_000, { onInDoubt: 'resend' });
      await sleeper.waitFor(/stopped at writePage/);
      await stand.readyWorker();
      const result = await stand.ended(runId);
      expect((await stand.admin.health()).applied, 'all of it, the third batch too').toBe(
        result.counts.created,
      );
      sleeper.resume();
      // It lets its activities come to their end before it goes.
      await sleeper.terminate();
      await stand.conserved(runId, { result });
      expect(await holders(stand)).toHaveLength(2);
    });
  });
});
