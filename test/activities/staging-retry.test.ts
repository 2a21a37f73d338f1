import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { claimed, group, ledgerOfFile, plannedRun, settlement, writesOf } from '../ledger/harness.ts';
import { allBatches, createWorker, fakeCxone, runActivity, writeAll } from './harness.ts';
import { csv, HEADER, useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { writeCsv, stage, openRunOf, countExactly } = useSourceFolder(opened);

/** Settles these records of a run with one batch. The rest becomes a write of its own. */
async function settleAs(run: Run, outcomes: Partial<Record<Outcome, readonly number[]>>): Promise<void> {
  const { ledger } = opened();
  const [write] = await writesOf(ledger, run);
  const { id = '', seqs = [] } = write ?? {};
  const { fence } = await claimed(ledger, run, id);
  const groups = Object.entries(outcomes).map(([outcome, of]) => group(outcome as Outcome, of));
  const settled = groups.flatMap((each) => each.seqs);
  const rest = seqs.filter((seq) => !settled.includes(seq));
  const derived = rest.length > 0 ? [{ kind: 'create', seqs: rest }] : [];
  await ledger.writes.settle({ ...settlement(id, fence, groups), derived });
}

describe('a retry', () => {
  it('takes up what the run left, with the column names of its source', async () => {
    const { ledger } = opened();
    const renamed = csv(6).replace(HEADER, 'Key,Tel,Since,State');
    const map = { contactId: 'Key', phone: 'Tel', consentTimestamp: 'Since', optInStatus: 'State' };
    const run = await openRunOf({ path: await writeCsv(renamed), map });
    await stage(run);
    await ledger.writes.plan(run.run_no, 'create', 2);
    const cxone = fakeCxone({
      answer: (_, ids) =>
        ids.includes('c3')
          ? { kind: 'refused', status: 400, message: 'no', named: [], notes: [], id: null, requestId: 'q' }
          : undefined,
    });
    await writeAll(createWorker(ledger, cxone.cxone), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 6, pending: 0, created: 5, rejected: 1 });
    const retry = await openRunOf({ retryOf: run.run_id });
    await expect(stage(retry)).rejects.toThrow(/has not ended/);
    await ledger.runs.close(run.run_no, 'completed', null, null);
    await stage(retry);
    expect(await countExactly(retry)).toEqual({ total: 1, pending: 1 });
    await ledger.runs.close(retry.run_no, 'failed', null, null);
    const second = await openRunOf({ retryOf: retry.run_id });
    await stage(second);
    expect(await countExactly(second)).toEqual({ total: 1, pending: 1 });
  });

  it('of an unknown run fails', async () => {
    await expect(stage(await openRunOf({ retryOf: 'none' }))).rejects.toMatchObject({
      type: 'SourceUnreadable',
    });
  });

  it('takes up rejected, conflicting, cancelled and pending records with their lines, and no others', async () => {
    const { ledger } = opened();
    const run = await plannedRun(ledger, 8, 100);
    await settleAs(run, {
      created: [1],
      in_doubt: [2],
      rejected: [3],
      conflict: [4],
      cancelled: [5],
      existing: [6],
    });
    await sql`insert into outcomes (run_no, seq, outcome) values (${run.run_no}, 7, 'invalid')`.execute(
      opened().database.db,
    );
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = await openRunOf({ retryOf: run.run_id });
    const error = await stage(retry).catch((e: unknown) => e);
    // These rows have no phone, so they are invalid when they are read again.
    expect(error).toBeUndefined();
    const lines = [];
    for await (const { line } of ledger.records.list(retry.run_no)) lines.push(line);
    expect(lines).toEqual([4, 5, 6, 9]);
  });

  it('of a run that left nothing, or has unanswered writes, is refused with what to do', async () => {
    const { ledger } = opened();
    const done = await plannedRun(ledger, 2, 100);
    await settleAs(done, { created: [1, 2] });
    await ledger.runs.close(done.run_no, 'completed', null, null);
    await expect(stage(await openRunOf({ retryOf: done.run_id }))).rejects.toThrow(/left nothing to retry/);
    const lost = await plannedRun(ledger, 2, 100);
    const [write] = await writesOf(ledger, lost);
    await claimed(ledger, lost, write?.id ?? '');
    await ledger.runs.close(lost.run_no, 'failed', null, null);
    const retry = await openRunOf({ retryOf: lost.run_id });
    await expect(stage(retry)).rejects.toThrow(
      /without an answer; start it again with the same id: it continues where it stopped/,
    );
    expect(await countExactly(retry)).toEqual({ total: 0, pending: 0 });
  });

  it('is the only one of its run, which cannot be continued itself', async () => {
    const { ledger } = opened();
    const run = await openRunOf({ path: await writeCsv(csv(3)) });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = await openRunOf({ retryOf: run.run_id });
    await stage(retry);
    const taken = { type: 'AlreadyRun', message: expect.stringContaining(retry.run_id) as string };
    for (const options of [{}, { existing: 'update' }]) {
      const other = await openRunOf({ retryOf: run.run_id }, options);
      await expect(stage(other)).rejects.toMatchObject(taken);
      await ledger.runs.close(other.run_no, 'failed', null, null);
    }
    await expect(stage(run)).rejects.toMatchObject(taken);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    // A cancelled retry leaves the rest to the next one.
    await ledger.records.cancelPending(retry.run_no, { code: 'run_cancelled' });
    await ledger.runs.close(retry.run_no, 'cancelled', null, null);
    const next = await openRunOf({ retryOf: run.run_id });
    await stage(next);
    expect(await countExactly(next)).toEqual({ total: 3, pending: 3 });
  });

  it('of a dry run counts as an import of its source', async () => {
    const { ledger } = opened();
    const path = await writeCsv(csv(2));
    const run = await openRunOf({ path });
    await sql`update runs set dry_run = true where run_no = ${run.run_no}`.execute(opened().database.db);
    await stage(run);
    await ledger.runs.close(run.run_no, 'completed', null, null);
    const retry = await openRunOf({ retryOf: run.run_id });
    await stage(retry);
    expect(await countExactly(retry)).toEqual({ total: 2, pending: 2 });
    await expect(stage(await openRunOf({ path }))).rejects.toMatchObject({ type: 'AlreadyRun' });
  });

  it('fails if its run is purged while it reads the rows', async () => {
    const { ledger, database } = opened();
    const run = await openRunOf({ path: await writeCsv(csv(3)) });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const late = await openRunOf({ retryOf: run.run_id });
    const purging = {
      ...ledger,
      retries: {
        ...ledger.retries,
        listRecords: async function* (runNo: number) {
          for await (const row of ledger.retries.listRecords(runNo)) {
            yield row;
            await sql`update runs set purged_at = now() where run_no = ${run.run_no}`.execute(database.db);
            return;
          }
        },
      },
    };
    const { activities } = createWorker(purging, fakeCxone().cxone);
    const staging = runActivity(() => activities.stageRecords(late.run_id));
    await expect(staging).rejects.toMatchObject({
      type: 'SourceUnreadable',
      message: expect.stringContaining('import their file again') as string,
    });
    expect((await ledger.runs.get(late.run_id)).total).toBeNull();
  });

  it('that has read all rows continues although its run was purged', async () => {
    const { ledger, database } = opened();
    const run = await openRunOf({ path: await writeCsv(csv(2)) });
    await stage(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const retry = await openRunOf({ retryOf: run.run_id });
    await stage(retry);
    await ledger.runs.close(retry.run_no, 'failed', null, null);
    await sql`update runs set purged_at = now() where run_no = ${run.run_no}`.execute(database.db);
    await stage(retry);
    expect(await ledger.runs.get(retry.run_id)).toMatchObject({ state: 'running', total: 2 });
  });
});
