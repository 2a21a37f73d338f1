/** What a run is going to write, as text. Pure; without personal data. */
import { formatCount, plural } from '../../domain/numbers.ts';
import { OUTCOMES, type Outcome } from '../../domain/run.ts';
import type { Plan } from '../../queries/run-facts.ts';
import { formatDuration, spaced } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import type { Fact } from './run-parts.ts';
import { renderSampleMessages, type SampleMessage } from './sample-messages.ts';

/** What an operation adds to its plans. */
export interface PlanFigures {
  readonly facts: readonly Fact[];
  /** What its lookups are about. Default: `preference`. */
  readonly lookups?: string;
  /** How the records to write are spread over something, e.g. their scores. */
  readonly histogram?: Histogram;
}

export interface Histogram {
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly n: number }[];
}

export interface PlanDetails {
  readonly figures?: PlanFigures;
  /** The first records of the plan, masked, each as names and values. */
  readonly samples: readonly (readonly Fact[])[];
  /** What the first recipients will read. */
  readonly messages?: readonly SampleMessage[];
}

/** `withReasons`: also why rows are not sent. */
export function renderPlan(
  plan: Plan,
  target: string,
  { withReasons, details }: { readonly withReasons: boolean; readonly details?: PlanDetails },
): string {
  const head = `plan ${plan.hash} for ${target}`;
  if (plan.changes) return [head, ...renderChanges(plan.changes)].join('\n');
  const notes = renderNotes(plan, details?.figures?.lookups);
  const lines = [head, renderNumbers(plan), ...notes, ...renderDetails(details)];
  return [...lines, ...(withReasons ? renderReasons(plan) : [])].join('\n');
}

function renderDetails({ figures, samples = [], messages = [] }: Partial<PlanDetails> = {}): string[] {
  return [
    ...(figures ? [renderTable([{}, {}], figures.facts.map(printableFact))] : []),
    ...(figures?.histogram ? renderHistogram(figures.histogram) : []),
    ...(samples.length > 0 ? ['the first records, with values hidden'] : []),
    ...samples.map(
      (sample, i) =>
        `  ${i + 1}  ${sample.map(([name, value]) => `${printable(name)} ${printable(value)}`).join(', ')}`,
    ),
    ...renderSampleMessages(messages),
  ];
}

const printableFact = ([name, value]: Fact): Fact => [name, printable(value)];

const BAR_WIDTH = 30;

/** A part of a block for what is too little for a whole one, so that a bar without records is the only empty one. */
function renderHistogram({ title, bars }: Histogram): string[] {
  const most = Math.max(...bars.map(({ n }) => n));
  if (most <= 0) return [];
  const bar = (n: number) => (n === 0 ? '' : '█'.repeat(Math.floor((n / most) * BAR_WIDTH)) || '▏');
  const rows = bars.map(({ label, n }) => [label, formatCount(n), bar(n)]);
  return [title, renderTable([{ align: 'right' }, { align: 'right' }, {}], rows)];
}

/** For operations that change a few large things instead of many records. */
function renderChanges(changes: readonly string[]): readonly string[] {
  return (changes.length > 0 ? changes : ['nothing to change']).map((change) => `  ${printable(change)}`);
}

const ALREADY = 'done already, before this plan';
/** Why a plan does not write the records that have an outcome already. */
const NOT_WRITTEN: Readonly<Record<Outcome, string>> = {
  created: ALREADY,
  updated: ALREADY,
  existing: ALREADY,
  sent: ALREADY,
  conflict: 'not sent: a newer change stands against them',
  duplicate: 'not sent: another row takes precedence',
  suppressed: 'not sent: on a suppression list',
  ineligible: 'not sent: the consent rules do not allow it',
  invalid: 'not sent: they break a rule',
  rejected: 'not sent: CXone would refuse them',
  in_doubt: 'sent before, and never answered',
  cancelled: 'not sent: there is no room for them',
};

/** The lines add up to the total. */
function renderNumbers(plan: Plan): string {
  const { toWrite, batches, total } = plan;
  const outcomes = OUTCOMES.filter((outcome) => (plan[outcome] ?? 0) > 0);
  const rows = [
    ['to write', formatCount(toWrite), `in ${plural(batches, 'batch')}`],
    ...outcomes.map((each) => [spaced(each), formatCount(plan[each] ?? 0), NOT_WRITTEN[each]]),
    ['total', formatCount(total), ''],
  ];
  return renderTable([{}, { align: 'right' }, {}], rows);
}

function renderNotes(
  { options, lookups, estimatedSeconds, notes: more = [] }: Plan,
  about = 'preference',
): string[] {
  const notes: string[] = more.map(printable);
  if (options?.existing !== undefined) {
    const what = options.existing === 'update' ? 'updated' : 'left unchanged';
    notes.push(`contacts that CXone already has are ${what}`);
  }
  // Each lookup is a request and part of the estimate.
  if (lookups && lookups.requests > 0) {
    notes.push(`${plural(lookups.requests, `${about} lookup`)} before the writes`);
  }
  if (lookups && lookups.withoutContactId > 0) {
    notes.push(`${plural(lookups.withoutContactId, 'record')} without a contact id to look up`);
  }
  if (estimatedSeconds) {
    notes.push(`takes at least ${formatDuration(estimatedSeconds * 1_000)} at the rate budget`);
  }
  return notes.map((note) => `  ${note}`);
}

function renderReasons({ reasons = [] }: Plan): string[] {
  if (reasons.length === 0) return [];
  const rows = reasons.map(({ code, field, n }) => [code, printable(field ?? ''), formatCount(n)]);
  return ['why rows are not sent', renderTable([{}, {}, { align: 'right' }], rows)];
}
