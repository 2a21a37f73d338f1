/** A run that is writing is paused, resumed, cancelled, watched from another terminal, or left in the background. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { signal } from '../../src/stack/processes.ts';
import { csv, rows } from './contacts.ts';
import { endOf, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const RECORDS = 5_000;
/** 50 batches, one at a time, which leaves enough time for commands even on a busy machine. */
const SLOW = { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '1' } };
const hurry = ({ admin }: Stand) => admin.change({ latencyMs: 0 });

const applied = async ({ admin }: Stand): Promise<number> => (await admin.health()).applied;

/** Starts an import in another terminal, and resolves when CXone has its first batch. */
async function startWriting(stand: Stand, list: string) {
  stand.file('contacts.csv', csv(rows(1, RECORDS)));
  const terminal = stand.start(['contacts', 'import', 'contacts.csv', '--list', list]);
  const [, runId = ''] = await terminal.waitFor(/run (contact-import:\S+)\n/);
  await until(
    () => applied(stand),
    (n) => n > 0,
  );
  return { terminal, runId };
}

it('pause stops the writing, resume continues it, and watch follows it in another terminal', async () => {
  await onStand(SLOW, async (stand) => {
    const { terminal, runId } = await startWriting(stand, 'L1');
    const watching = stand.start(['watch', runId]);
    const paused = await stand.cxflow(['pause', runId, '--by', 'dana']);
    expect(paused, paused.stderr).toMatchObject({ code: 0 });
    expect(paused.stdout).toContain(`paused: ${runId} (now paused)`);
    await watching.waitFor(/the run is paused[^]*resume contact-import:/);
    await until(
      () => stand.admin.stats(),
      ({ inFlight }) => inFlight === 0,
    );
    const before = await applied(stand);
    expect(before).toBeLessThan(RECORDS);
    await delay(1_500);
    expect(await applied(stand), 'records in CXone while the run is paused').toBe(before);

    const twice = await stand.cxflow(['pause', runId]);
    expect(twice.code).toBe(1);
    expect(twice.stderr).toContain('the run was already paused by dana');
    await hurry(stand);
    expect((await stand.cxflow(['resume', runId])).code).toBe(0);
    const [mine, theirs] = await Promise.all([endOf(terminal), endOf(watching)]);
    expect([mine.code, theirs.code]).toEqual([0, 0]);
    for (const { stdout } of [mine, theirs]) expect(stdout).toMatch(/created +5,000 +100\.0 %/);
    await stand.conserved(runId);
  });
});

it('a command says that it waits for a busy worker, and its decision is carried out when the worker goes on', async () => {
  await onStand(SLOW, async (stand) => {
    const { terminal, runId } = await startWriting(stand, 'L6');
    stand.worker.pause();
    const cancelling = stand.start(['cancel', runId]);
    await cancelling.waitFor(new RegExp(`waiting for run ${runId} to answer`));
    stand.worker.resume();
    expect((await endOf(cancelling)).code).toBe(0);
    expect((await endOf(terminal)).code).toBe(4);
    await stand.conserved(runId, { state: 'cancelled' });
  });
});

it('cancel settles what is in flight, leaves the rest, and ends the import command with exit code 4', async () => {
  await onStand(SLOW, async (stand) => {
    const { terminal, runId } = await startWriting(stand, 'L2');
    const cancelled = await stand.cxflow(['cancel', runId, '--reason', 'campaign called off']);
    expect(cancelled, cancelled.stderr).toMatchObject({ code: 0 });
    const ended = await endOf(terminal);
    expect(ended.code).toBe(4);
    expect(ended.stdout).toMatch(/cancelled after/);
    const counts = await stand.conserved(runId, { state: 'cancelled' });
    const created = await applied(stand);
    expect(created).toBeLessThan(RECORDS);
    expect(counts).toEqual({ total: RECORDS, pending: 0, created, cancelled: RECORDS - created });
    await hurry(stand);
    const rest = await stand.json<{ counts: unknown; runId: string }>([
      'contacts',
      'import',
      '--retry-of',
      runId,
    ]);
    expect(rest.code).toBe(0);
    expect(rest.document.counts).toEqual({ total: counts.cancelled, pending: 0, created: counts.cancelled });
    expect(await applied(stand), 'records in CXone, all of the file once').toBe(RECORDS);
    await stand.conserved(rest.document.runId, { isListShared: true });
  });
});

it('Ctrl-C leaves the run in the background, and says how to follow it again', async () => {
  await onStand(SLOW, async (stand) => {
    const { terminal, runId } = await startWriting(stand, 'L3');
    signal(terminal.pid, 'SIGINT');
    const left = await endOf(terminal);
    expect(left.code).toBe(130);
    expect(left.stdout).toContain(`the run continues in the background: ${runId}`);
    expect(left.stdout).toContain(`watch ${runId}`);
    expect(await applied(stand)).toBeLessThan(RECORDS);
    await hurry(stand);
    const back = await stand.cxflow(['watch', runId]);
    expect(back.code).toBe(0);
    expect(back.stdout).toMatch(/created +5,000/);
    await stand.conserved(runId);
  });
});

it('--detach returns at once, and two shells that start the same file get one run', async () => {
  await onStand(SLOW, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, RECORDS)));
    const start = ['contacts', 'import', 'contacts.csv', '--list', 'L4'];
    const [one, two] = await Promise.all([
      stand.json<{ runId: string; status: string }>([...start, '--detach']),
      stand.json<{ runId: string; status: string }>([...start, '--detach']),
    ]);
    expect([one.code, two.code]).toEqual([0, 0]);
    expect([one.document.status, two.document.status].toSorted()).toEqual(['running', 'started']);
    expect(one.document.runId).toBe(two.document.runId);
    const following = stand.start(start);
    await following.waitFor(/the same run is already executing: run contact-import:/);
    await hurry(stand);
    const third = await endOf(following);
    expect(third.code).toBe(0);
    expect(
      await stand.client.ledger.runs.list(10).then((runs) => runs.filter((run) => run.target === 'L4')),
    ).toHaveLength(1);
    await stand.conserved(one.document.runId);
  });
});
