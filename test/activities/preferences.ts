/** Runs preference updates and imports from rows to result, with a real ledger and the real client on a simulator. */
import { ApplicationFailure } from '@temporalio/common';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { ledgerOfFile, type Opened, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import {
  allBatches,
  createWorker,
  runActivity,
  type TestWorker,
  type WorkerOptions,
  writeAll,
} from './harness.ts';

export const guid = (n: number): string => `a1b2c3d4-e5f6-7890-abcd-${String(n).padStart(12, '0')}`;
/** The n-th day of 2025. */
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

/** The row as a stored preference, to seed the simulator. */
export const stored = (row: Row, updatedAt = row.withdrawalTimestamp ?? row.consentTimestamp ?? day(1)) => ({
  ...row,
  idempotencyKey: crypto.randomUUID(),
  updatedAt,
});

/** A run whose source is a dataset with these rows. */
export async function openRunOf(
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

export function createRowWorker(ledger: Ledger, cxone: Cxone, options: WorkerOptions = {}) {
  const worker = createWorker(ledger, cxone, options);
  const { activities } = worker;
  const plan = async (run: Run) => {
    await runActivity(() => activities.stageRecords(run.run_id));
    return runActivity(() => activities.planWrites(run.run_id));
  };
  const close = async (run: Run): Promise<PreferenceUpdateResult> =>
    (await runActivity(() =>
      activities.closeRun({ runId: run.run_id, state: 'completed', failure: null }),
    )) as PreferenceUpdateResult;
  return {
    ...worker,
    plan,
    close,
    writeAll: (run: Run) => writeUntilDone(worker, run),
    /** All steps of a run. */
    runToEnd: async (rows: readonly object[], input: object = {}, kind?: string) => {
      const run = await openRunOf(ledger, rows, input, kind);
      const planned = await plan(run);
      await writeUntilDone(worker, run);
      return { run, plan: planned, result: await close(run) };
    },
  };
}

/** Retries retryable failures, like Temporal. */
async function writeUntilDone(worker: TestWorker, run: Run): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await writeAll(worker, allBatches(run));
      return;
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable || tries > 10) throw error;
    }
  }
}

/** For each record its outcome, followed by the codes of its reasons. */
export async function listOutcomes(ledger: Ledger, run: Run): Promise<Record<number, string>> {
  const all: Record<number, string> = {};
  for await (const { seq, outcome, reasons } of ledger.records.list(run.run_no))
    all[seq] = [outcome, ...reasons.map(({ code }) => code)].join(' ');
  return all;
}

/** Starts a simulator, and a worker with its own tenant. */
async function startOnSimulator(
  { ledger }: Opened,
  options: SimulatorOptions = {},
  workerOptions: WorkerOptions = {},
) {
  const simulator = await startSimulator(options);
  const worker = createRowWorker(ledger, simulator.cxone, { tenant: someId('tenant'), ...workerOptions });
  const inCxone = async (n: number, channel = 'email') =>
    (await simulator.admin.preferences({ contactId: guid(n) })).preferences.find(
      (each) => each.channel === channel,
    );
  const countRequests = async (verb: string) => {
    const { requests } = await simulator.admin.stats();
    const paths = Object.entries(requests).filter(([path]) => path.startsWith(`${verb} /api/v2/preferences`));
    return paths.flatMap(([, byStatus]) => Object.values(byStatus)).reduce((sum, n) => sum + n, 0);
  };
  const countLookups = () => countRequests('GET');
  return { ...simulator, ...worker, ledger, inCxone, countRequests, countLookups };
}

/** The ledger of a test file, and how its tests start a worker with it. */
export function rowWorkersOfFile() {
  const opened = ledgerOfFile();
  const start = (options?: SimulatorOptions, workerOptions?: WorkerOptions) =>
    startOnSimulator(opened(), options, workerOptions);
  return { opened, start };
}

/** What CXone has stored of updates, in order; without what a test has seeded. */
export const listUpdates = async (admin: AdminClient) =>
  (await admin.preferenceJournal()).filter(({ action }) => action === 'update');

let people = 0;
/** A new person for each use, because entries of the suppression list outlive a run and would affect other tests. */
export const nextPerson = (): number => (people += 1);

/** A fault of the lookups of one contact, until it is cleared. */
export const oneContact = (n: number, fault: FaultRule['fault']): FaultRule => ({
  match: { method: 'GET', family: 'preferences', query: `contactId=${guid(n)}` },
  fault,
});

const CONSENT_DAY = new Date(Date.now() - 86_400_000).toISOString();

/** A row of a contact import. */
export const contactRow = (n: number, more: object = {}) => ({
  contactId: guid(n),
  phone: `+1415555${String(n).padStart(4, '0')}`,
  consentTimestamp: CONSENT_DAY,
  optInStatus: 'confirmed',
  ...more,
});
export const importInput = (more: object = {}) => ({ listId: 'L1', ...more });
