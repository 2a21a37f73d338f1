/** Everything the ledger knows about one run, in one object. */
import type { Refusal, ShownConflict } from '../contract/steering.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ReasonCount } from '../ledger/runs/records.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { WriteInDoubt } from '../ledger/writes/writes.ts';
import { type CxoneFacts, readCxoneFacts } from './answers.ts';
import { type QueryProgress, readConflicts } from './conflicts.ts';
import { type Latencies, type RuleChecks, readRunMeasures } from './metrics.ts';
import { listRateBlocks, type RateBlock } from './rate-limits.ts';
import { readRefusals } from './run-history.ts';
import { type RunSummary, summarizeRun } from './run-summary.ts';

export type { ReasonCount };

/** An event that no subscriber has accepted yet. */
export interface WaitingEvent {
  readonly eventId: string;
  readonly event: string;
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface RunDetails extends RunSummary {
  readonly input: unknown;
  readonly source: Run['source'];
  readonly planHash: string | null;
  readonly plan: unknown;
  readonly reasons: readonly ReasonCount[];
  readonly inDoubt: readonly WriteInDoubt[];
  readonly refused: readonly Refusal[];
  readonly events: { readonly delivered: number; readonly undelivered: number };
  readonly waitingEvents: readonly WaitingEvent[];
  readonly requests: Latencies;
  readonly rules: RuleChecks;
  /** What CXone says in its answers. */
  readonly cxone: CxoneFacts;
  readonly conflicts: readonly ShownConflict[];
  /** What keeps the requests of this run from leaving; empty if it has ended. */
  readonly blocks: readonly RateBlock[];
  /** Runs that took over records of this one, the oldest first. */
  readonly retriedBy: readonly string[];
  readonly result: unknown;
  readonly failure: unknown;
}

const MAX_WAITING_EVENTS = 10;

/** Null if the ledger does not have the run. `queryProgress` is called only while the run waits in a conflict. */
export async function readRunDetails(
  ledger: Ledger,
  runId: string,
  queryProgress: QueryProgress,
): Promise<RunDetails | null> {
  const run = await ledger.runs.find(runId);
  if (!run) return null;
  const { input, source, plan, plan_hash: planHash, result, failure } = run;
  return {
    ...summarizeRun(run, await ledger.runs.counts(run.run_no)),
    ...{ input, source, planHash, plan },
    ...(await readWrites(ledger, run)),
    ...(await readEvents(ledger, run)),
    refused: await readRefusals(ledger, runId),
    conflicts: await readConflicts(ledger, run, queryProgress),
    blocks: run.state === 'running' ? await listRateBlocks(ledger) : [],
    retriedBy: (await ledger.retries.list(runId)).map((retry) => retry.runId),
    ...{ result, failure },
  };
}

async function readWrites({ records, writes, metrics, answers }: Ledger, { run_no: runNo }: Run) {
  return {
    reasons: await records.countReasons(runNo),
    inDoubt: await writes.listInDoubt(runNo),
    ...(await readRunMeasures({ metrics }, runNo)),
    cxone: await readCxoneFacts({ answers }, runNo),
  };
}

async function readEvents({ outbox }: Ledger, { run_no: runNo }: Run) {
  const waiting = await outbox.listUndelivered(runNo, MAX_WAITING_EVENTS);
  return {
    events: await outbox.countDeliveries(runNo),
    waitingEvents: waiting.map(({ event_id, event, attempts, last_error }) => {
      return { eventId: event_id, event, attempts, lastError: last_error };
    }),
  };
}
