/** Runs list loads from rows to result, with a real ledger and the real client on a simulator. */
import { sql } from 'kysely';
import type { Plan } from '../../src/activities/engine/plan.ts';
import type { ListLoadSettings } from '../../src/activities/list-load/settings.ts';
import type { ListLoadFigures, ListLoadInput, ListLoadResult } from '../../src/contract/list-load.ts';
import type { ListItem } from '../../src/cxone/lists.ts';
import type { RunState } from '../../src/domain/run.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { ItemEntry } from '../../src/simulator/lists.state.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { ledgerOfFile, type Opened, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { allBatches, createWorker, runActivity, type WorkerOptions, writeAll } from './harness.ts';
import { listOutcomes } from './preferences.ts';

export const LIST = 'L1';
export const CAMPAIGN = 'C1';

/** Of fictitious persons. */
export const phone = (n: number): string => `+1415555${String(n).padStart(4, '0')}`;

/** The score decides the order. */
export const lead = (n: number, score = n, more: object = {}): object => ({
  phone_number: phone(n),
  contact_id: `lead-${n}`,
  score: String(score),
  ...more,
});

export const leads = (...numbers: readonly number[]): object[] => numbers.map((n) => lead(n));

/** Entries of CXone's suppression list. */
export const phones = (...numbers: readonly number[]) => numbers.map((n) => ({ phoneNumber: phone(n) }));

/** An item with the number of a lead, as CXone has it. */
export function itemOf(n: number): ListItem {
  const field = { name: 'phone_number', value: phone(n) };
  return { deduplicationKeys: [field], fields: [field], priority: 1 };
}

/** The hash of the suppression list that a message proposes to accept. */
export const proposedHash = (message: string): string =>
  /--accept-suppressions (\w+)/.exec(message)?.[1] ?? '';

type Options = Partial<Omit<ListLoadInput, 'source'>>;

async function openRunOf(ledger: Ledger, rows: readonly object[], options: Options): Promise<Run> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const { id } = await ledger.datasets.stage(someId('rows'), 'ndjson', chunks(text));
  const input: ListLoadInput = {
    listId: LIST,
    campaignId: CAMPAIGN,
    scoring: { column: 'score' },
    source: { dataset: id },
    ...options,
  };
  const { run } = await ledger.runs.open({
    runId: someId('run'),
    kind: 'listLoad',
    target: input.listId,
    again: true,
    dryRun: input.dryRun ?? false,
    requestedBy: null,
    input,
  });
  return run;
}

async function* chunks(text: string): AsyncIterable<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

export const figuresOf = ({ figures }: Plan): ListLoadFigures => figures as ListLoadFigures;

/** The numbers that were uploaded, in this order. */
export const numbersOf = (items: readonly ItemEntry[]): (string | undefined)[] =>
  items.map(({ item }) => item.fields.find(({ name }) => name === 'phone_number')?.value);

type ListLoadWorkerOptions = Omit<WorkerOptions, 'listLoad'> & {
  readonly listLoad?: Partial<ListLoadSettings>;
};

/** Starts a simulator, and a worker with its own tenant. */
async function startListLoads(
  { ledger }: Opened,
  options: SimulatorOptions = {},
  workerOptions: ListLoadWorkerOptions = {},
) {
  const simulator = await startSimulator(options);
  const { listLoad, ...more } = workerOptions;
  const settings = { itemsPerBatch: 2, intervalMs: 0, strictUniqueness: true, suppressionsMaxAgeMs: 900_000 };
  const tenant = someId('tenant');
  const merged = { ...settings, ...listLoad };
  const worker = createWorker(ledger, simulator.cxone, { tenant, ...more, listLoad: merged });
  const { activities } = worker;
  const stage = (run: Run) => runActivity(() => activities.stageRecords(run.run_id));
  const planOnly = (run: Run): Promise<Plan> => runActivity(() => activities.planWrites(run.run_id));
  const close = async (run: Run, state: RunState = 'completed'): Promise<ListLoadResult> =>
    (await runActivity(() =>
      activities.closeRun({ runId: run.run_id, state, failure: null }),
    )) as unknown as ListLoadResult;
  const plan = async (rows: readonly object[], input: Options = {}) => {
    const run = await openRunOf(ledger, rows, input);
    await stage(run);
    return { run, plan: await planOnly(run) };
  };
  return {
    ...simulator,
    worker,
    tenant,
    settings: merged,
    open: (rows: readonly object[], input: Options = {}) => openRunOf(ledger, rows, input),
    stage,
    planOnly,
    plan,
    close,
    writeAll: (run: Run) => writeAll(worker, allBatches(run)),
    /** All steps of a run. */
    runToEnd: async (rows: readonly object[], input: Options = {}) => {
      const planned = await plan(rows, input);
      await writeAll(worker, allBatches(planned.run));
      return { ...planned, result: await close(planned.run) };
    },
    outcomes: (run: Run) => listOutcomes(ledger, run),
    uploaded: async () => numbersOf((await simulator.admin.itemJournal(LIST)).filter(isCreated)),
  };
}

const isCreated = ({ action }: ItemEntry): boolean => action === 'create';

/** For the tests of a file. */
export function listLoadStand() {
  const opened = ledgerOfFile();
  return {
    opened,
    start: (options?: SimulatorOptions, workerOptions?: ListLoadWorkerOptions) =>
      startListLoads(opened(), options, workerOptions),
    /** Makes the run's copy of CXone's suppression list older; by default too old to be used without reading it again. */
    age: async (run: Run, minutes = 16): Promise<void> => {
      await sql`update suppression_snapshots set begun_at = begun_at - ${minutes} * interval '1 minute'
        where run_no = ${run.run_no}`.execute(opened().database.db);
    },
  };
}
