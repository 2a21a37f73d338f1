/** How a run ended: state, counts, reasons and requests as text. Pure; without personal data. */
import { formatCount, plural } from '../../domain/numbers.ts';
import {
  type Counts,
  countSuccesses,
  OUTCOMES,
  type Outcome,
  type RunState,
  SUCCESSES,
  successRatePercent,
} from '../../domain/run.ts';
import type { CxoneMessages } from '../../queries/answers.ts';
import type { RuleChecks } from '../../queries/metrics.ts';
import type { ReasonCount } from '../../queries/run-details.ts';
import type { RunFailure, StoredResult } from '../../queries/run-facts.ts';
import { formatDuration, formatPercent, spaced } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import { renderMessages } from './messages.ts';
import { describeEvents, describeRules, type Fact, stateColor } from './run-parts.ts';
import { renderSection, type Section } from './sections.ts';

export interface RunResultView {
  readonly runId: string;
  readonly state: RunState;
  readonly dryRun: boolean;
  /** The run whose records this one took over. */
  readonly retryOf: string | null;
  readonly counts: Counts;
  readonly reasons: readonly ReasonCount[];
  readonly messages: CxoneMessages;
  readonly failure: RunFailure | null;
  readonly durationMs: number | null;
  readonly requests: Pick<StoredResult, 'requests' | 'averageLatencyMs' | 'events'> | null;
  /** null: the run never began. */
  readonly rules: RuleChecks | null;
  /** Those of its operation (CliOperation.facts). */
  readonly facts: readonly Fact[];
  /** The summary of its operation (CliOperation.readReport). */
  readonly sections: readonly Section[];
  readonly link: string | null;
}

export function renderRunResult(result: RunResultView, colors: Colors): string {
  const parts = [
    renderEnd(result, colors),
    ...(result.counts.total > 0 ? [renderCounts(result.counts, colors)] : []),
    ...(result.reasons.length > 0 ? [renderReasons(result.reasons)] : []),
    ...result.sections.map(renderSection),
    ...renderMessages(result.messages, MAX_MESSAGES),
    renderFacts(result),
  ];
  return parts.join('\n\n');
}

function renderEnd(result: RunResultView, colors: Colors): string {
  const { runId, state, dryRun, durationMs, failure } = result;
  const color = stateColor(state, colors);
  const label = dryRun && state === 'completed' ? 'planned only (dry run): nothing was written' : state;
  const after = durationMs === null ? '' : ` after ${formatDuration(durationMs)}`;
  const why = failure === null ? '' : `\n  ${failure.type}: ${printable(failure.message)}`;
  return `${colors.bold(color(label))}${after}  ${runId}${why}`;
}

/** The lines add up to the total, because `pending` has a line as well. */
export function renderCounts(counts: Counts, colors: Colors): string {
  const present = [...OUTCOMES, 'pending' as const].filter((outcome) => (counts[outcome] ?? 0) > 0);
  const row = (name: string, n: number) => [name, formatCount(n), formatPercent(n, counts.total)];
  const rows = present.map((outcome) => row(renderOutcome(outcome, colors), counts[outcome] ?? 0));
  return renderTable(
    [{ head: 'outcome' }, { head: 'records', align: 'right' }, { head: 'share', align: 'right' }],
    [...rows, row(colors.bold('total'), counts.total)],
  );
}

function renderOutcome(outcome: Outcome | 'pending', colors: Colors): string {
  if (outcome === 'pending') return colors.dim(outcome);
  return SUCCESSES.includes(outcome) ? colors.green(spaced(outcome)) : colors.yellow(spaced(outcome));
}

const MAX_REASONS = 20;
const MAX_MESSAGES = 5;

function renderReasons(reasons: readonly ReasonCount[]): string {
  const rows = reasons
    .slice(0, MAX_REASONS)
    .map(({ outcome, code, field, n }) => [spaced(outcome), code, printable(field ?? ''), formatCount(n)]);
  const table = renderTable(
    [{ head: 'outcome' }, { head: 'reason' }, { head: 'field' }, { head: 'records', align: 'right' }],
    rows,
  );
  const more = reasons.length - rows.length;
  return more > 0 ? `${table}\n  … and ${plural(more, 'more reason')}` : table;
}

function renderFacts(result: RunResultView): string {
  const { dryRun, retryOf, counts, requests, rules, link } = result;
  const facts: Fact[] = [];
  if (retryOf !== null) facts.push(['retry of', retryOf]);
  if (!dryRun && counts.total > 0) facts.push(['success rate', renderSuccessRate(counts)]);
  if (rules !== null && rules.checked > 0) facts.push(['violations', describeRules(rules)]);
  facts.push(...result.facts);
  if (requests !== null && requests.requests > 0) {
    const average = formatDuration(requests.averageLatencyMs);
    facts.push(['requests', `${formatCount(requests.requests)}, ${average} on average`]);
  }
  if (requests !== null) facts.push(...renderEvents(requests.events));
  if (link !== null) facts.push(['Web UI', link]);
  return facts.length === 0 ? '' : renderTable([{}, {}], facts);
}

function renderSuccessRate(counts: Counts): string {
  const rate = successRatePercent(counts).toFixed(2);
  return `${rate} % (${formatCount(countSuccesses(counts))} of ${plural(counts.total, 'record')})`;
}

function renderEvents(events: StoredResult['events']): [string, string][] {
  return events.delivered + events.undelivered === 0 ? [] : [['events', describeEvents(events)]];
}
