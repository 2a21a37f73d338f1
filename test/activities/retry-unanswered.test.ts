/** A retry never takes up records that may already have been applied (docs/adr/0013-sources-and-files.md#sources). */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { CxoneForbidden } from '../../src/cxone/errors.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { claimed, ledgerOfFile, openRun, phone, record, someId, upTo, writesOf } from '../ledger/harness.ts';
import {
  allBatches,
  CONTEXT,
  createWorker,
  fakeCxone,
  runActivity,
  type TestWorker,
  writeAll,
} from './harness.ts';

const opened = ledgerOfFile();
/** A tenant that may create a contact twice. */
const DUPLICATES_POSSIBLE = { duplicatesRefused: false } as const;
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

const closeAsFailed = ({ activities }: TestWorker, runId: string) =>
  runActivity(() =>
    activities.closeRun({ runId, state: 'failed', failure: { type: 'ScopeMissing', message: '' } }),
  );

async function retry({ activities }: TestWorker, retryOf: string): Promise<string> {
  const runId = someId('retry');
  const input: ContactImportInput = { listId: 'L1', source: { retryOf } };
  await runActivity(() => activities.openRun({ runId, kind: 'contactImport', target: 'L1', input }));
  await runActivity(() => activities.stageRecords(runId));
  await runActivity(() => activities.planWrites(runId));
  return runId;
}

describe('a retry of a run that failed while writes were unanswered', () => {
  it('is refused with the number of records; the run itself settles them, and no contact is created twice', async () => {
    const { ledger, database } = opened();
    const run = await staged();
    // The first batch was applied, but the worker was killed before the answer. The second met a missing scope.
    const [first] = await writesOf(ledger, run);
    await claimed(ledger, run, first?.id ?? '', 1);
    const cxone = fakeCxone({
      before: () => Promise.reject(new CxoneForbidden({ ...CONTEXT, status: 403 }, [])),
    });
    const broken = createWorker(ledger, cxone.cxone, DUPLICATES_POSSIBLE);
    await sql`update writes set lease_until = clock_timestamp() + interval '1 hour' where run_no = ${run.run_no}
      and state = 'sending'`.execute(database.db);
    await expect(broken.writePage(allBatches(run))).rejects.toMatchObject({ type: 'ScopeMissing' });
    await closeAsFailed(broken, run.run_id);
    await expect(retry(broken, run.run_id)).rejects.toThrow(
      /has writes of 10 records without an answer; start it again with the same id: it continues where it stopped/,
    );

    await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
      database.db,
    );
    const { cxone: cured, posts } = fakeCxone();
    const worker = createWorker(ledger, cured, DUPLICATES_POSSIBLE);
    const input = run.input as ContactImportInput;
    const again = { runId: run.run_id, kind: 'contactImport' as const, target: 'L1', input };
    await runActivity(() => worker.activities.openRun(again));
    await writeAll(worker, allBatches(run));
    expect(
      posts.map(([id]) => id),
      'contacts of the batch that had not been sent',
    ).toEqual(['c11']);
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({
      total: 20,
      pending: 0,
      created: 10,
      in_doubt: 10,
    });
    await runActivity(() =>
      worker.activities.closeRun({ runId: run.run_id, state: 'completed', failure: null }),
    );
    await expect(retry(worker, run.run_id)).rejects.toThrow(/left nothing to retry/);
  });

  it.each([['halved'], ['resent']])('counts writes that may have been applied before: %s', async (mark) => {
    const { ledger, database } = opened();
    const run = await staged();
    await sql`update writes set refs = json_build_object(${mark}::text, true)
      where run_no = ${run.run_no} and batch = 2`.execute(database.db);
    const worker = createWorker(ledger, fakeCxone().cxone, DUPLICATES_POSSIBLE);
    await closeAsFailed(worker, run.run_id);
    await expect(retry(worker, run.run_id)).rejects.toThrow(/writes of 10 records without an answer/);
  });

  it('takes up all that was left if every write was answered', async () => {
    const { ledger } = opened();
    const run = await staged();
    const cxone = fakeCxone();
    const worker = createWorker(ledger, cxone.cxone, DUPLICATES_POSSIBLE);
    await worker.writePage({ ...allBatches(run), toBatch: 1 });
    await closeAsFailed(worker, run.run_id);
    const runId = await retry(worker, run.run_id);
    await writeAll(worker, allBatches({ run_id: runId }));
    expect(cxone.creations).toHaveLength(20);
    expect(new Set(cxone.creations).size, 'distinct contacts created').toBe(20);
  });
});
