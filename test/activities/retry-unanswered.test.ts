/** decisions.md 2: a retry never takes up what may have been applied already. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { CxoneForbidden } from '../../src/cxone/errors.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { claimed, ledgerOfFile, openRun, writesOf, phone, record, someId, upTo } from '../ledger/harness.ts';
import { CONTEXT, fakeCxone, perform, wholeOf, workerOf, writeAll } from './harness.ts';

const opened = ledgerOfFile();
/** A tenant that may take a contact twice. */
const DOUBLING = { duplicatesRefused: false } as const;
const COLUMNS = ['contactId', 'phone', 'consentTimestamp', 'optInStatus'];

/** Twenty rows in two batches, as staging leaves them. */
async function staged(): Promise<Run> {
  const { ledger } = opened();
  const run = await openRun(ledger, { input: { listId: 'L1', source: { dataset: someId('d') } } });
  const consent = { consentTimestamp: '2026-01-01', optInStatus: 'confirmed' };
  const fields = (seq: number) => ({ contactId: `c${seq}`, phone: phone(seq), ...consent });
  await ledger.records.stage(
    run.run_no,
    upTo(20).map((seq) => record(seq, { fields: fields(seq) })),
  );
  const source = { name: 'a', format: 'csv', bytes: 1, sha256: someId('x'), columns: COLUMNS };
  await ledger.runs.setSource(run.run_no, source);
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', 10);
  return run;
}

type Worker = ReturnType<typeof workerOf>;

const failed = ({ activities }: Worker, runId: string) =>
  perform(() =>
    activities.closeRun({ runId, state: 'failed', failure: { type: 'ScopeMissing', message: '' } }),
  );

async function retry({ activities }: Worker, retryOf: string): Promise<string> {
  const runId = someId('retry');
  const input: ContactImportInput = { listId: 'L1', source: { retryOf } };
  await perform(() => activities.openRun({ runId, kind: 'contactImport', target: 'L1', input }));
  await perform(() => activities.stageRecords(runId));
  await perform(() => activities.planWrites(runId));
  return runId;
}

describe('a retry of a run that failed while answers were missing', () => {
  it('is refused and says of how many records; the run itself settles them, and nobody gets it twice', async () => {
    const { ledger, database } = opened();
    const run = await staged();
    // The first batch was applied, and the worker killed before the answer; the second met a missing scope.
    const [first] = await writesOf(ledger, run);
    await claimed(ledger, run, first?.id ?? '', 1);
    const cxone = fakeCxone({
      before: () => Promise.reject(new CxoneForbidden({ ...CONTEXT, status: 403 }, [])),
    });
    const broken = workerOf(ledger, cxone.cxone, DOUBLING);
    await sql`update writes set lease_until = clock_timestamp() + interval '1 hour' where run_no = ${run.run_no}
      and state = 'sending'`.execute(database.db);
    await expect(broken.writePage(wholeOf(run))).rejects.toMatchObject({ type: 'ScopeMissing' });
    await failed(broken, run.run_id);
    await expect(retry(broken, run.run_id)).rejects.toThrow(
      /has writes of 10 records without an answer; start it again with the same id: it continues where it stopped/,
    );

    await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
      database.db,
    );
    const { cxone: cured, posts } = fakeCxone();
    const worker = workerOf(ledger, cured, DOUBLING);
    const input = run.input as ContactImportInput;
    const again = { runId: run.run_id, kind: 'contactImport' as const, target: 'L1', input };
    await perform(() => worker.activities.openRun(again));
    await writeAll(worker, wholeOf(run));
    expect(
      posts.map(([id]) => id),
      'only the batch that had not gone out',
    ).toEqual(['c11']);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({
      total: 20,
      pending: 0,
      created: 10,
      in_doubt: 10,
    });
    await perform(() => worker.activities.closeRun({ runId: run.run_id, state: 'completed', failure: null }));
    await expect(retry(worker, run.run_id)).rejects.toThrow(/left nothing to retry/);
  });

  it.each([['halved'], ['resent']])(
    'counts what may have been applied in part or before: %s',
    async (mark) => {
      const { ledger, database } = opened();
      const run = await staged();
      await sql`update writes set refs = json_build_object(${mark}::text, true)
      where run_no = ${run.run_no} and batch = 2`.execute(database.db);
      const worker = workerOf(ledger, fakeCxone().cxone, DOUBLING);
      await failed(worker, run.run_id);
      await expect(retry(worker, run.run_id)).rejects.toThrow(/writes of 10 records without an answer/);
    },
  );

  it('goes on with all that was left where every answer came', async () => {
    const { ledger } = opened();
    const run = await staged();
    const cxone = fakeCxone();
    const worker = workerOf(ledger, cxone.cxone, DOUBLING);
    await worker.writePage({ ...wholeOf(run), toBatch: 1 });
    await failed(worker, run.run_id);
    const runId = await retry(worker, run.run_id);
    await writeAll(worker, wholeOf({ run_id: runId }));
    expect(cxone.creations).toHaveLength(20);
    expect(new Set(cxone.creations).size, 'each once').toBe(20);
  });
});
