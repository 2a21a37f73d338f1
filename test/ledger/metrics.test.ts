/** Governance metrics: the sums match the runs, even after the runs were purged. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { addMeasures, type Measures, NOTHING_MEASURED } from '../../src/domain/metrics.ts';
import type { Outcome } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  group,
  invalid,
  ledgerOfFile,
  record,
  settlement,
  someId,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();
const DAY_MS = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);

interface Wanted {
  readonly kind: string;
  readonly days?: number;
  readonly dryRun?: boolean;
  /** Of the only write; null: no answer. */
  readonly latencyMs?: number | null;
  readonly outcome?: Outcome;
}

/** A run of two valid records, one invalid one and one that our rules have rejected. */
async function stagedRun({ kind, days = 0, dryRun = false }: Wanted): Promise<Run> {
  const { ledger, database } = opened();
  const { run } = await ledger.runs.open({
    ...{ runId: someId(kind), kind, target: 'T', again: false, dryRun },
    ...{ requestedBy: null, input: {} },
  });
  await sql`update runs set started_at = ${ago(days)} where run_no = ${run.run_no}`.execute(database.db);
  const rejected = record(4, { outcome: 'rejected', reasons: [{ code: 'refused' }] });
  await ledger.records.stage(run.run_no, [...upTo(2).map((seq) => record(seq)), invalid(3), rejected]);
  return run;
}

async function writtenRun(wanted: Wanted): Promise<Run> {
  const { ledger } = opened();
  const { latencyMs = 40, outcome = 'created' } = wanted;
  const run = await stagedRun(wanted);
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', 2);
  const [write] = await writesOf(ledger, run);
  const { fence } = await claimed(ledger, run, write?.id ?? '');
  const settled = settlement(write?.id ?? '', fence, [group(outcome, [1, 2])]);
  await ledger.writes.settle({ ...settled, latencyMs, event: null });
  return run;
}

async function endedRun(wanted: Wanted): Promise<Run> {
  const { ledger } = opened();
  const run = await writtenRun(wanted);
  await ledger.runs.close(run.run_no, 'completed', null, null);
  return run;
}

async function readStored(run: Run): Promise<unknown> {
  return (await opened().ledger.runs.get(run.run_id)).metrics;
}

const MEASURED = {
  records: 4,
  outcomes: { created: 2, invalid: 1, rejected: 1 },
  ...{ checked: 4, violations: 2, requests: 1, latencyMs: 40, latencies: { 40: 1 } },
};

describe('the metrics of a run', () => {
  it('are the same before and after they are stored, and after its rows and requests are purged', async () => {
    const { ledger, database } = opened();
    const run = await writtenRun({ kind: 'purged', days: 40 });
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(MEASURED);
    expect(await readStored(run)).toBeNull();
    await ledger.runs.close(run.run_no, 'completed', null, null);
    expect(await readStored(run)).toEqual(MEASURED);
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(MEASURED);

    await sql`update runs set finished_at = ${ago(40)} where run_no = ${run.run_no}`.execute(database.db);
    const scope = { before: ago(30), withUndelivered: true };
    await ledger.purges.purge({ ...scope, purgeId: someId('purge'), requestedBy: 'dana' });
    expect(await ledger.writes.listOpen(run.run_no, 1, 9)).toEqual([]);
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(MEASURED);
    expect(await ledger.metrics.byOperation({ since: null, kind: 'purged' })).toMatchObject([MEASURED]);
  });

  it('are not stored if it failed, because requests in flight may still be answered', async () => {
    const { ledger, database } = opened();
    const run = await stagedRun({ kind: 'answeredLater', days: 40 });
    await ledger.records.finishStaging(run.run_no);
    await ledger.writes.plan(run.run_no, 'create', 2);
    const [write] = await writesOf(ledger, run);
    const { fence } = await claimed(ledger, run, write?.id ?? '');
    await ledger.runs.close(run.run_no, 'failed', null, { type: 'ScopeMissing', message: '403' });
    expect(await ledger.metrics.ofRun(run.run_no)).toMatchObject({ requests: 0, violations: 2 });
    await ledger.writes.settle({
      ...settlement(write?.id ?? '', fence, [group('created', [1, 2])]),
      ...{ latencyMs: 40, event: null },
    });
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(MEASURED);

    // It can be purged, and is final from then on.
    await sql`update runs set finished_at = ${ago(40)} where run_no = ${run.run_no}`.execute(database.db);
    await ledger.purges.purge({
      ...{ before: ago(30), withUndelivered: true, purgeId: someId('purge'), requestedBy: 'dana' },
    });
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(MEASURED);
  });

  it('include the violations of a source that was not read completely', async () => {
    const { ledger } = opened();
    const run = await stagedRun({ kind: 'unread' });
    expect(await ledger.metrics.ofRun(run.run_no)).toMatchObject({ records: 4, checked: 4, violations: 2 });
  });

  it('count neither rejections by CXone as violations, nor writes without an answer as requests', async () => {
    const { ledger } = opened();
    const run = await endedRun({ kind: 'unanswered', outcome: 'rejected', latencyMs: null });
    expect(await ledger.metrics.ofRun(run.run_no)).toMatchObject({
      outcomes: { invalid: 1, rejected: 3 },
      ...{ violations: 2, requests: 0, latencyMs: 0, latencies: {} },
    });
  });

  it('count an input that was refused as a whole as one check and one violation', async () => {
    const { ledger } = opened();
    const { run } = await ledger.runs.open({
      ...{ runId: someId('refused'), kind: 'refused', target: 'T', again: false, dryRun: false },
      ...{ requestedBy: null, input: {} },
    });
    const refusal = { type: 'InvalidInput', breaksRules: true, message: '"type":"other"' };
    await ledger.runs.close(run.run_no, 'failed', null, refusal);
    const measured = { ...NOTHING_MEASURED, checked: 1, violations: 1 };
    expect(await ledger.metrics.ofRun(run.run_no)).toEqual(measured);
    for (const message of ['no such run', '","breaksRules":true,']) {
      await ledger.runs.close(run.run_no, 'failed', null, { type: 'InvalidInput', message });
      expect(await ledger.metrics.ofRun(run.run_no)).toEqual(NOTHING_MEASURED);
    }
  });

  it('keep milliseconds below a second, and three digits above', async () => {
    const { ledger } = opened();
    const exact = [1, 999, 1_004, 1_006, 9_996, 12_345];
    const runs: Run[] = [];
    for (const latencyMs of exact) runs.push(await writtenRun({ kind: 'rounded', latencyMs }));
    const [measured] = await ledger.metrics.byOperation({ since: null, kind: 'rounded' });
    expect(measured).toMatchObject({
      latencyMs: exact.reduce((sum, ms) => sum + ms, 0),
      latencies: { 1: 1, 999: 1, 1000: 1, 1010: 1, 10000: 1, 12300: 1 },
    });
    expect(measured).toMatchObject({ runs: runs.length, running: runs.length });
  });
});

describe('the sums of an operation', () => {
  it('match its runs and the lines of the log, without dry runs', async () => {
    const { ledger } = opened();
    const runs = [
      await endedRun({ kind: 'added', days: 3, latencyMs: 30 }),
      await endedRun({ kind: 'added', days: 2, latencyMs: 50, outcome: 'existing' }),
      await writtenRun({ kind: 'added', days: 1, latencyMs: 50 }),
      await stagedRun({ kind: 'added', days: 0 }),
    ];
    await stagedRun({ kind: 'added', dryRun: true });
    const failed = runs[2] as Run;
    await ledger.runs.close(failed.run_no, 'failed', null, null);

    const measures: Measures[] = [];
    for (const run of runs) measures.push(await ledger.metrics.ofRun(run.run_no));
    const scope = { since: null, kind: 'added' };
    const [sums] = await ledger.metrics.byOperation(scope);
    const expected = measures.reduce(addMeasures, NOTHING_MEASURED);
    expect(sums).toEqual({ kind: 'added', runs: 4, running: 1, failed: 1, ...expected });

    const log = await ledger.metrics.log(scope, 100);
    expect(log.map(({ runId }) => runId)).toEqual(runs.map(({ run_id: runId }) => runId).reverse());
    expect(log.reduce<Measures>(addMeasures, NOTHING_MEASURED)).toEqual(expected);
    expect(await ledger.metrics.log(scope, 2)).toEqual(log.slice(0, 2));
  });

  it('can be limited to runs since a time, and to one operation', async () => {
    const { ledger } = opened();
    await endedRun({ kind: 'limitedA', days: 9 });
    await endedRun({ kind: 'limitedA', days: 2 });
    await endedRun({ kind: 'limitedB', days: 2 });
    const countRuns = async (days: number | null, kind: string | null) => {
      const all = await ledger.metrics.byOperation({ since: days === null ? null : ago(days), kind });
      const named = all.filter((each) => each.kind.startsWith('limited'));
      return named.map((each) => [each.kind, each.runs]);
    };
    expect(await countRuns(null, 'limitedA')).toEqual([['limitedA', 2]]);
    expect(await countRuns(5, 'limitedA')).toEqual([['limitedA', 1]]);
    expect(await countRuns(5, null)).toEqual([
      ['limitedA', 1],
      ['limitedB', 1],
    ]);
    expect(await countRuns(1, null)).toEqual([]);
  });
});
