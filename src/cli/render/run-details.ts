/** Everything about one run, as text. Pure; without personal data. */
import type { Refusal } from '../../contract/steering.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { OUTCOMES } from '../../domain/run.ts';
import type { LateAnswer } from '../../ledger/writes/writes.ts';
import type { CxoneFacts } from '../../queries/answers.ts';
import type { ReasonCount, RunDetails } from '../../queries/run-details.ts';
import { readFailure, readPlan } from '../../queries/run-facts.ts';
import { formatTime, operationName, shellQuote, spaced } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import { renderConflicts } from './conflicts.ts';
import { renderMessages } from './messages.ts';
import { renderSteps, stepsForApproval, stepsForConflict, stepsForPause } from './next-steps.ts';
import { type PlanDetails, renderPlan } from './plan.ts';
import { renderRateBlocks } from './rate-limits.ts';
import { describeEvents, describeRequests, describeRules, type Fact, formatMs } from './run-parts.ts';
import { renderCounts } from './run-result.ts';
import { renderSection, type Section } from './sections.ts';

export interface DetailsView extends RunDetails {
  /** The run in Temporal's Web UI. */
  readonly link: string | null;
  /** Those of its operation (CliOperation.facts). */
  readonly facts: readonly Fact[];
  readonly planDetails: PlanDetails;
  /** Those of its operation (CliOperation.readReport). */
  readonly sections: readonly Section[];
}

export function renderRunDetails(run: DetailsView, colors: Colors, command: string): string {
  const plan = readPlan(run);
  const failure = readFailure(run);
  const sections = [
    renderHead(run, colors),
    ...(failure ? [colors.red(`${failure.type}: ${printable(failure.message)}`)] : []),
    ...(run.blocks.length > 0 ? [renderRateBlocks(run.blocks, colors, command)] : []),
    ...(plan ? [renderPlan(plan, run.target, { withReasons: false, details: run.planDetails })] : []),
    ...(run.counts.total > 0 ? [renderCounts(run.counts, colors)] : []),
    ...(run.reasons.length > 0 ? [renderReasons(run.reasons)] : []),
    ...run.sections.map(renderSection),
    ...renderMessages(run.cxone, MAX_MESSAGES),
    ...(run.cxone.answers.length > 0 ? [renderAnswers(run.cxone)] : []),
    ...(run.inDoubt.length > 0 ? [renderInDoubt(run, command)] : []),
    ...(run.conflicts.length > 0 ? [renderOpenConflicts(run, command)] : []),
    ...(run.refused.length > 0 ? [renderRefused(run.refused)] : []),
    ...(run.waitingEvents.length > 0 ? [renderWaitingEvents(run)] : []),
    ...renderDecision(run, command),
  ];
  return sections.join('\n\n');
}

const MAX_MESSAGES = 10;

function renderHead(run: DetailsView, colors: Colors): string {
  const facts: readonly Fact[] = [
    ['operation', operationName(run.kind)],
    ['target', run.target],
    ...stateFacts(run),
    ...sourceFacts(run),
    ...metricFacts(run),
    ...(run.link === null ? [] : [['Web UI', run.link] as const]),
  ];
  return [colors.bold(run.runId), renderTable([{}, {}], facts)].join('\n');
}

function stateFacts(run: DetailsView): readonly Fact[] {
  const state = run.state === 'running' ? `running, ${spaced(run.phase)}` : run.state;
  const by = run.requestedBy === null ? '' : ` by ${printable(run.requestedBy)}`;
  return [
    ['state', run.dryRun ? `${state} (dry run)` : state],
    ...(run.waitingFor === null ? [] : [['waits for', printable(run.waitingFor)] as const]),
    ...(run.retryOf === undefined ? [] : [['retry of', run.retryOf] as const]),
    ...run.retriedBy.map((runId) => ['retried by', runId] as const),
    ['started', `${formatTime(run.startedAt)}${by}`],
    ...(run.finishedAt === null ? [] : [['finished', formatTime(run.finishedAt)] as const]),
    ...(run.purgedAt === undefined
      ? []
      : [['purged', `${formatTime(run.purgedAt)}; its rows, requests and events are deleted`] as const]),
  ];
}

function sourceFacts({ source }: DetailsView): readonly Fact[] {
  if (!source) return [];
  const encoding = source.encoding ? `, read as ${source.encoding}` : '';
  const sheet = source.sheet === undefined ? '' : `, sheet "${printable(source.sheet)}"`;
  const size = `${plural(source.bytes, 'byte')}${encoding}${sheet}`;
  return [['source', `${printable(source.name)}, ${size}, sha256 ${source.sha256.slice(0, 12)}…`]];
}

/** Metrics survive a purge; events do not. */
function metricFacts({ requests, rules, events, purgedAt, facts, cxone }: DetailsView): readonly Fact[] {
  return [
    ['violations', describeRules(rules)],
    ...facts,
    ['requests', describeRequests(requests)],
    ...(cxone.averageMs === null
      ? []
      : [["CXone's latency", `${formatMs(cxone.averageMs)} on average`] as const]),
    ...(cxone.recordIds === 0
      ? []
      : [["CXone's ids", `of ${plural(cxone.recordIds, 'record')}; \`records\` lists them`] as const]),
    ...(purgedAt === undefined ? [['events', describeEvents(events)] as const] : []),
  ];
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

function renderAnswers({ answers }: CxoneFacts): string {
  const rows = answers.map(({ batch, kind, records, httpStatus, cxoneId }) => [
    `batch ${formatCount(batch)}`,
    spaced(kind),
    plural(records, 'record'),
    httpStatus === null ? '' : String(httpStatus),
    printable(cxoneId),
  ]);
  return ["CXone's ids of its last answers", renderTable([{}, {}, { align: 'right' }, {}, {}], rows)].join(
    '\n',
  );
}

function renderInDoubt({ runId, inDoubt }: DetailsView, command: string): string {
  const rows = inDoubt.map(({ id, batch, records, sentAt, knownSent, lateAnswer }) => [
    id,
    `batch ${batch}`,
    plural(records, 'record'),
    sentAt ? `${knownSent ? 'sent' : 'claimed, perhaps not sent,'} ${formatTime(sentAt)}` : '',
    lateAnswer ? describeLateAnswer(lateAnswer) : '',
  ]);
  const hint = `  decide: ${command} resolve ${shellQuote(runId)} --resend|--leave [--write ID]`;
  return ['writes in doubt', renderTable([{ align: 'right' }, {}, {}, {}, {}], rows), hint].join('\n');
}

function describeLateAnswer({ httpStatus, at, counts }: LateAnswer): string {
  const outcomes = OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const parts = outcomes.map((outcome) => `${formatCount(counts[outcome] ?? 0)} ${spaced(outcome)}`);
  return `CXone answered late with ${httpStatus}, ${formatTime(new Date(at))}: ${parts.join(', ') || 'no outcome'}`;
}

function renderOpenConflicts({ runId, phase, conflicts }: DetailsView, command: string): string {
  if (phase !== 'conflict') return renderConflicts(conflicts);
  const reviewed = conflicts.map(({ hash }) => hash);
  const steps = stepsForConflict(runId, reviewed, command);
  return [renderConflicts(conflicts), renderSteps('decide', steps)].join('\n');
}

/** Writes in doubt and conflicts have theirs beside them. */
function renderDecision({ runId, state, phase, planHash }: DetailsView, command: string): readonly string[] {
  if (state !== 'running') return [];
  if (phase === 'awaiting_approval')
    return [renderSteps('decide', stepsForApproval(runId, planHash, command))];
  if (phase === 'paused') return [renderSteps('decide', stepsForPause(runId, command))];
  return [];
}

function renderRefused(refused: readonly Refusal[]): string {
  const rows = refused.map(({ action, by, why, at }) => [
    formatTime(new Date(at)),
    printable(action),
    printable(by ?? ''),
    printable(why),
  ]);
  return ['refused decisions', renderTable([{}, {}, {}, {}], rows)].join('\n');
}

function renderWaitingEvents({ waitingEvents, events }: DetailsView): string {
  const rows = waitingEvents.map(({ eventId, event, attempts, lastError }) => {
    return [eventId, event, plural(attempts, 'attempt'), printable(lastError ?? '')];
  });
  const title = `events not delivered yet (${formatCount(rows.length)} of ${formatCount(events.undelivered)})`;
  return [title, renderTable([{}, {}, {}, {}], rows)].join('\n');
}
