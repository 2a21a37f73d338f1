/** Everything about one run: gathered from the ledger, and from its workflow where a worker answers. */
import type { Refusal } from '../contract/steering.ts';
import { type Counts, OUTCOMES } from '../domain/run.ts';
import type { LateAnswer, WriteInDoubt } from '../ledger/writes/writes.ts';
import { retriedRunId } from '../ledger/runs/retries.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { Colors } from '../cli/cli.ts';
import { conflictsOf, renderConflicts, seenOf } from '../cli/render/conflicts.ts';
import { formatCount, formatTime, plural, printable, shellQuote, spaced } from '../cli/terminal/format.ts';
import { findRun } from '../cli/actions/find-run.ts';
import { type ReasonCount, renderCounts, renderPlan } from '../cli/render/run-result.ts';
import { renderSteps, stepsForConflict } from '../cli/render/next-steps.ts';
import { failureOfRun, planOf } from './run-facts.ts';
import { summaryOf } from './run-summary.ts';
import type { Session } from '../cli/session.ts';
import { renderTable } from '../cli/terminal/table.ts';

export interface Details {
  readonly run: Run;
  readonly counts: Counts;
  readonly reasons: readonly ReasonCount[];
  readonly inDoubt: readonly WriteInDoubt[];
  /** null: nobody could be asked. */
  readonly refused: readonly Refusal[] | null;
  readonly events: { readonly delivered: number; readonly undelivered: number };
  readonly waitingEvents: readonly {
    eventId: string;
    event: string;
    attempts: number;
    lastError: string | null;
  }[];
  readonly requests: { readonly requests: number; readonly averageMs: number; readonly p95Ms: number };
  readonly conflicts: Awaited<ReturnType<typeof conflictsOf>>;
  readonly link: string | null;
  /** Runs that took up what this one left undone, the oldest first. */
  readonly retriedBy: readonly string[];
  /** What `--json` writes. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** A worker that is there answers much faster. */
const ASK_WORKER_MS = 2_000;
const MOST_EVENTS = 10;

/** Errors: RunNotFound, RunNotBegun. */
export async function collectDetails(session: Session, runId: string, command: string): Promise<Details> {
  const { runs, records, writes, outbox, retries } = session.ledger;
  const run = await findRun(session, runId, command);
  const waiting = await outbox.listUndelivered(run.run_no, MOST_EVENTS);
  const facts = {
    counts: await runs.counts(run.run_no),
    reasons: await records.countReasons(run.run_no),
    inDoubt: await writes.listInDoubt(run.run_no),
    refused: await refusals(session, runId),
    events: await outbox.countDeliveries(run.run_no),
    waitingEvents: waiting.map(({ event_id, event, attempts, last_error }) => {
      return { eventId: event_id, event, attempts, lastError: last_error };
    }),
    requests: await writes.latencies(run.run_no),
    conflicts: await conflictsOf(session, run),
    link: session.link(runId),
    retriedBy: (await retries.list(runId)).map((retry) => retry.runId),
  };
  const { input, source, plan, plan_hash: planHash, result, failure } = run;
  const document = {
    ...summaryOf(run, facts.counts),
    input,
    source,
    planHash,
    plan,
    ...facts,
    result,
    failure,
  };
  return { run, ...facts, document };
}

async function refusals(session: Session, runId: string): Promise<readonly Refusal[] | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, ASK_WORKER_MS, null)));
  const asked = session
    .client()
    .then((client) => client.progress(runId))
    .then(({ refused }) => refused)
    .catch(() => null);
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

export function renderDetails(details: Details, colors: Colors, command: string): string {
  const { run, counts } = details;
  const plan = planOf(run);
  const failure = failureOfRun(run);
  const sections = [
    renderHead(details, colors),
    ...(failure ? [colors.red(`${failure.type}: ${printable(failure.message)}`)] : []),
    ...(plan ? [renderPlan({ ...plan, reasons: [] })] : []),
    ...(counts.total > 0 ? [renderCounts(counts, colors)] : []),
    ...(details.reasons.length > 0 ? [renderReasons(details.reasons)] : []),
    ...(details.inDoubt.length > 0 ? [renderInDoubt(details, command)] : []),
    ...(details.conflicts.length > 0 ? [renderOpenConflicts(details, command)] : []),
    ...renderRefused(details.refused),
    ...(details.waitingEvents.length > 0 ? [renderEvents(details)] : []),
  ];
  return sections.join('\n\n');
}

function renderHead({ run, requests, events, link, retriedBy }: Details, colors: Colors): string {
  const parent = retriedRunId(run);
  const state = run.state === 'running' ? `running, ${spaced(run.phase)}` : run.state;
  const facts: [string, string][] = [
    ['kind', run.kind],
    ['target', run.target],
    ['state', run.dry_run ? `${state} (dry run)` : state],
    ...(parent === null ? [] : [['retry of', parent] as [string, string]]),
    ...retriedBy.map((child): [string, string] => ['retried by', child]),
    ...(run.waiting_for === null ? [] : [['waits for', printable(run.waiting_for)] as [string, string]]),
    [
      'started',
      `${formatTime(run.started_at)}${run.requested_by ? ` by ${printable(run.requested_by)}` : ''}`,
    ],
    ...(run.finished_at ? [['finished', formatTime(run.finished_at)] as [string, string]] : []),
    ...(run.source
      ? [
          [
            'source',
            `${printable(run.source.name)}, ${formatCount(run.source.bytes)} bytes${run.source.encoding ? `, read as ${run.source.encoding}` : ''}, sha256 ${run.source.sha256.slice(0, 12)}…`,
          ] as [string, string],
        ]
      : []),
    [
      'requests',
      `${formatCount(requests.requests)}, ${Math.round(requests.averageMs)} ms on average, 95 % within ${Math.round(requests.p95Ms)} ms`,
    ],
    ['CRM events', `${formatCount(events.delivered)} delivered, ${formatCount(events.undelivered)} not`],
    ...(link === null ? [] : [['Web UI', link] as [string, string]]),
  ];
  return [colors.bold(run.run_id), renderTable([{}, {}], facts)].join('\n');
}

function renderReasons(reasons: readonly ReasonCount[]): string {
  const rows = reasons.map(({ outcome, code, field, n }) => [
    spaced(outcome),
    code,
    printable(field ?? ''),
    formatCount(n),
  ]);
  return ['reasons', renderTable([{}, {}, {}, { align: 'right' }], rows)].join('\n');
}

function renderInDoubt({ run, inDoubt }: Details, command: string): string {
  const rows = inDoubt.map(({ id, batch, records, sentAt, lateAnswer }) => [
    id,
    `batch ${batch}`,
    plural(records, 'record'),
    sentAt ? `sent ${formatTime(sentAt)}` : '',
    lateAnswer ? lateText(lateAnswer) : '',
  ]);
  const hint = `  decide: ${command} resolve ${shellQuote(run.run_id)} --resend|--leave [--write ID]`;
  return ['writes in doubt', renderTable([{ align: 'right' }, {}, {}, {}, {}], rows), hint].join('\n');
}

function lateText({ httpStatus, at, counts }: LateAnswer): string {
  const outcomes = OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const parts = outcomes.map((outcome) => `${formatCount(counts[outcome] ?? 0)} ${spaced(outcome)}`);
  return `CXone answered ${httpStatus} later, ${formatTime(new Date(at))}: ${parts.join(', ') || 'no outcome'}`;
}

function renderOpenConflicts({ run, conflicts }: Details, command: string): string {
  if (run.phase !== 'conflict') return renderConflicts(conflicts);
  const steps = stepsForConflict(run.run_id, seenOf(conflicts), command);
  return [renderConflicts(conflicts), renderSteps('decide', steps)].join('\n');
}

function renderRefused(refused: readonly Refusal[] | null): string[] {
  if (refused === null) return ['refused steering: unknown, for no worker answered'];
  if (refused.length === 0) return [];
  const rows = refused.map(({ action, by, why, at }) => [
    formatTime(new Date(at)),
    printable(action),
    printable(by ?? ''),
    printable(why),
  ]);
  return [['refused steering', renderTable([{}, {}, {}, {}], rows)].join('\n')];
}

function renderEvents({ waitingEvents, events }: Details): string {
  const rows = waitingEvents.map(({ eventId, event, attempts, lastError }) => {
    return [eventId, event, plural(attempts, 'attempt'), printable(lastError ?? '')];
  });
  const title = `CRM events not delivered (${formatCount(rows.length)} of ${formatCount(events.undelivered)})`;
  return [title, renderTable([{}, {}, {}, {}], rows)].join('\n');
}
