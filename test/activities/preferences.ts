/** A run of preferences from its rows to its result, with the real ledger and the real SDK on a simulator. */
import { ApplicationFailure } from '@temporalio/common';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { someId } from '../ledger/harness.ts';
import { perform, wholeOf, type WorkerOptions, workerOf, writeAll } from './harness.ts';

export const guid = (n: number): string => `a1b2c3d4-e5f6-7890-abcd-${String(n).padStart(12, '0')}`;
/** Days of 2025. */
export const day = (n: number): string => new Date(Date.UTC(2025, 0, n)).toISOString();

export interface Row {
  readonly contactId: string;
  readonly channel: string;
  readonly optIn: boolean;
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  readonly regulatoryRegion: string;
  readonly source: string;
}

export function optIn(n: number, on: number, more: Partial<Row> = {}): Row {
  return {
    contactId: guid(n),
    channel: 'email',
    optIn: true,
    consentTimestamp: day(on),
    withdrawalTimestamp: null,
    regulatoryRegion: 'GDPR',
    source: 'web-form',
    ...more,
  };
}

export const optOut = (n: number, on: number, more: Partial<Row> = {}): Row =>
  optIn(n, 1, { optIn: false, withdrawalTimestamp: day(on), ...more });

/** As CXone is seeded with it. */
export const stored = (row: Row, updatedAt = row.withdrawalTimestamp ?? row.consentTimestamp ?? day(1)) => ({
  ...row,
  idempotencyKey: crypto.randomUUID(),
  updatedAt,
});

export async function stagedRun(
  ledger: Ledger,
  rows: readonly object[],
  input: object = {},
  kind = 'preferenceUpdate',
): Promise<Run> {
  const text = rows.map((row) => JSON.stringify(row)).join('\n');
  const { id } = await ledger.datasets.stage(someId('rows'), 'ndjson', chunks(`${text}\n`));
  const { run } = await ledger.runs.open({
    runId: someId('run'),
    kind,
    target: kind === 'preferenceUpdate' ? 'preferences' : 'L1',
    again: true,
    dryRun: 'dryRun' in input,
    requestedBy: null,
    input: { source: { dataset: id }, ...input },
  });
  return run;
}

async function* chunks(text: string): AsyncIterable<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

export function stand(ledger: Ledger, cxone: Cxone, options: WorkerOptions = {}) {
  const worker = workerOf(ledger, cxone, options);
  const { activities } = worker;
  const plan = async (run: Run) => {
    await perform(() => activities.stageRecords(run.run_id));
    return perform(() => activities.planWrites(run.run_id));
  };
  const close = async (run: Run): Promise<PreferenceUpdateResult> =>
    (await perform(() =>
      activities.closeRun({ runId: run.run_id, state: 'completed', failure: null }),
    )) as PreferenceUpdateResult;
  return {
    ...worker,
    plan,
    close,
    writeAll: (run: Run) => writeToTheEnd(worker, run),
    /** From the rows to the result. */
    play: async (rows: readonly object[], input: object = {}, kind?: string) => {
      const run = await stagedRun(ledger, rows, input, kind);
      const planned = await plan(run);
      await writeToTheEnd(worker, run);
      return { run, plan: planned, result: await close(run) };
    },
  };
}

/** As Temporal would: what passes by itself is tried again. */
async function writeToTheEnd(worker: ReturnType<typeof workerOf>, run: Run): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await writeAll(worker, wholeOf(run));
      return;
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable || tries > 10) throw error;
    }
  }
}

/** Of each record: outcome and the codes of its reasons. */
export async function outcomesOf(ledger: Ledger, run: Run): Promise<Record<number, string>> {
  const all: Record<number, string> = {};
  for await (const { seq, outcome, reasons } of ledger.records.list(run.run_no))
    all[seq] = [outcome, ...reasons.map(({ code }) => code)].join(' ');
  return all;
}
