/** What a run came to, and what it is going to do, as text. Pure; without personal data. */
import {
  type Counts,
  OUTCOMES,
  type Outcome,
  countSuccesses,
  SUCCESSES,
  successRatePercent,
} from '../../domain/run.ts';
import type { ContactImportResult } from '../../contract/contact-import.ts';
import type { Colors } from '../cli.ts';
import { formatCount, formatDuration, formatPercent, plural, printable, spaced } from '../terminal/format.ts';
import type { Plan, RunFailure } from '../../queries/run-facts.ts';
import { renderTable } from '../terminal/table.ts';

export interface ReasonCount {
  readonly outcome: Outcome;
  readonly code: string;
  readonly field: string | null;
  readonly n: number;
}

export interface Report {
  readonly runId: string;
  readonly state: 'completed' | 'rejected' | 'cancelled' | 'failed';
  readonly dryRun: boolean;
  /** The run whose rows these were. */
  readonly retryOf: string | null;
  readonly counts: Counts;
  readonly reasons: readonly ReasonCount[];
  readonly failure: RunFailure | null;
  readonly durationMs: number | null;
  readonly requests: Pick<ContactImportResult, 'requests' | 'averageLatencyMs' | 'events'> | null;
  readonly link: string | null;
}

export function renderReport(report: Report, colors: Colors): string {
  const parts = [
    renderEnd(report, colors),
    ...(report.counts.total > 0 ? [renderCounts(report.counts, colors)] : []),
    ...(report.reasons.length > 0 ? [renderReasons(report.reasons)] : []),
    renderFacts(report),
  ];
  return parts.join('\n\n');
}

function renderEnd({ runId, state, dryRun, durationMs, failure }: Report, colors: Colors): string {
  const colour = {
    completed: colors.green,
    rejected: colors.yellow,
    cancelled: colors.yellow,
    failed: colors.red,
  }[state];
  const how = dryRun && state === 'completed' ? 'planned only (dry run): nothing was written' : state;
  const after = durationMs === null ? '' : ` after ${formatDuration(durationMs)}`;
  const why = failure === null ? '' : `\n  ${failure.type}: ${printable(failure.message)}`;
  return `${colors.bold(colour(how))}${after}  ${runId}${why}`;
}

/** Adds up to the total: `pending` is a line like the others. */
export function renderCounts(counts: Counts, colors: Colors): string {
  const lines = [...OUTCOMES, 'pending' as const].filter((outcome) => (counts[outcome] ?? 0) > 0);
  const row = (name: string, n: number) => [name, formatCount(n), formatPercent(n, counts.total)];
  const rows = lines.map((outcome) => row(paint(outcome, colors), counts[outcome] ?? 0));
  return renderTable(
    [{ head: 'outcome' }, { head: 'records', align: 'right' }, { head: 'share', align: 'right' }],
    [...rows, row(colors.bold('total'), counts.total)],
  );
}

function paint(outcome: Outcome | 'pending', colors: Colors): string {
  if (outcome === 'pending') return colors.dim(outcome);
  return SUCCESSES.includes(outcome) ? colors.green(spaced(outcome)) : colors.yellow(spaced(outcome));
}

const MOST_REASONS = 20;

function renderReasons(reasons: readonly ReasonCount[]): string {
  const rows = reasons
    .slice(0, MOST_REASONS)
    .map(({ outcome, code, field, n }) => [spaced(outcome), code, printable(field ?? ''), formatCount(n)]);
  const table = renderTable(
    [{ head: 'outcome' }, { head: 'reason' }, { head: 'field' }, { head: 'times', align: 'right' }],
    rows,
  );
  const more = reasons.length - rows.length;
  return more > 0 ? `${table}\n  … and ${plural(more, 'more reason')}` : table;
}

function renderFacts({ dryRun, retryOf, counts, requests, link }: Report): string {
  const lines: string[] = retryOf === null ? [] : [`retry of      ${retryOf}`];
  if (!dryRun && counts.total > 0) {
    const rate = successRatePercent(counts).toFixed(2);
    lines.push(
      `success rate  ${rate} % (${formatCount(countSuccesses(counts))} of all ${formatCount(counts.total)} records)`,
    );
  }
  if (requests !== null && requests.requests > 0) {
    lines.push(
      `requests      ${formatCount(requests.requests)}, ${formatDuration(requests.averageLatencyMs)} each on average`,
    );
  }
  if (requests !== null) lines.push(...renderEvents(requests.events));
  if (link !== null) lines.push(`Web UI        ${link}`);
  return lines.map((line) => `  ${line}`).join('\n');
}

function renderEvents({ delivered, undelivered }: ContactImportResult['events']): string[] {
  if (delivered + undelivered === 0) return [];
  const waiting = undelivered === 0 ? '' : `, ${formatCount(undelivered)} not delivered yet`;
  return [`CRM events    ${formatCount(delivered)} delivered${waiting}`];
}

/** Of kinds that change few and large things: each of them. */
function renderChanges(hash: string, changes: readonly string[]): string {
  const lines = changes.length > 0 ? changes : ['nothing to change'];
  return [`plan ${hash}`, ...lines.map((line) => `  ${printable(line)}`)].join('\n');
}

/** Each is a request, and so a part of the estimate. */
function describeLookups({ lookups }: Plan): string[] {
  if (!lookups) return [];
  const { requests, withoutContactId } = lookups;
  const without = plural(withoutContactId, 'record');
  return [
    `  ${plural(requests, 'look-up')} of preferences before that`,
    ...(withoutContactId > 0 ? [`  ${without} without a contact id that CXone could be asked for`] : []),
  ];
}

/** What is going to be written, before anything is. */
export function renderPlan(plan: Plan): string {
  if (plan.changes) return renderChanges(plan.hash, plan.changes);
  const existing = plan.options?.existing;
  const facts = [
    ['to write', formatCount(plan.toWrite), `in ${plural(plan.batches, 'batch')}, to list ${plan.list}`],
    ...(plan.invalid > 0 ? [['invalid', formatCount(plan.invalid), 'refused by our rules; not sent']] : []),
    ...(plan.duplicate > 0
      ? [['duplicate', formatCount(plan.duplicate), 'within the source; not sent']]
      : []),
    ['total', formatCount(plan.total), ''],
  ];
  const table = renderTable([{}, { align: 'right' }, {}], facts);
  const reasons = (plan.reasons ?? []).map(({ code, field, n }) => [
    code,
    printable(field ?? ''),
    formatCount(n),
  ]);
  const notes = [
    ...(existing === undefined
      ? []
      : [`  contacts that CXone already has are ${existing === 'update' ? 'updated' : 'left alone'}`]),
    ...describeLookups(plan),
    ...(plan.estimatedSeconds == null
      ? []
      : [`  at least ${formatDuration(plan.estimatedSeconds * 1_000)} at the rate budget`]),
  ];
  const why =
    reasons.length === 0 ? [] : ['why rows are not sent', renderTable([{}, {}, { align: 'right' }], reasons)];
  return [`plan ${plan.hash}`, table, ...notes, ...why].join('\n');
}
