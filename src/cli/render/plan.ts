/** What a run is going to write, as text. Pure; without personal data. */
import { formatCount } from '../../domain/numbers.ts';
import type { Plan } from '../../queries/run-facts.ts';
import { formatDuration, plural } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';

/** `withReasons`: also why rows are not sent. */
export function renderPlan(plan: Plan, target: string, { withReasons }: { withReasons: boolean }): string {
  const head = `plan ${plan.hash} for ${target}`;
  if (plan.changes) return [head, ...renderChanges(plan.changes)].join('\n');
  const lines = [head, renderNumbers(plan), ...renderNotes(plan)];
  return [...lines, ...(withReasons ? renderReasons(plan) : [])].join('\n');
}

/** For operations that change a few large things instead of many records. */
function renderChanges(changes: readonly string[]): readonly string[] {
  return (changes.length > 0 ? changes : ['nothing to change']).map((change) => `  ${printable(change)}`);
}

function renderNumbers({ toWrite, batches, invalid, duplicate, total }: Plan): string {
  const rows = [
    ['to write', formatCount(toWrite), `in ${plural(batches, 'batch')}`],
    ...(invalid > 0 ? [['invalid', formatCount(invalid), 'not sent: they break a rule']] : []),
    ...(duplicate > 0
      ? [['duplicate', formatCount(duplicate), 'not sent: another row takes precedence']]
      : []),
    ['total', formatCount(total), ''],
  ];
  return renderTable([{}, { align: 'right' }, {}], rows);
}

function renderNotes({ options, lookups, estimatedSeconds, notes: more = [] }: Plan): string[] {
  const notes: string[] = more.map(printable);
  if (options?.existing !== undefined) {
    const what = options.existing === 'update' ? 'updated' : 'left unchanged';
    notes.push(`contacts that CXone already has are ${what}`);
  }
  // Each lookup is a request and part of the estimate.
  if (lookups && lookups.requests > 0) {
    notes.push(`${plural(lookups.requests, 'preference lookup')} before the writes`);
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
