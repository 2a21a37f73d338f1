/** Reads the rows of a source as preferences, by the rules of the domain, and gives each its idempotency key. */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import {
  type OptOut,
  type Preference,
  preferenceKey,
  preferenceMapProblems,
  rankPreference,
  readPreference,
  resolvePreferenceColumns,
} from '../../domain/preference-update/preferences.ts';
import type { Reason } from '../../domain/run.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import type { RowReader } from '../engine/definition.ts';
import { readAsOf } from '../engine/step.ts';
import { deriveItemKey } from './item-keys.ts';

/** Added to the reason why CXone does not have an objection. */
export const ON_SUPPRESSION_LIST: Reason = {
  code: 'on_our_suppression_list',
  message: 'the objection is on our own suppression list and is respected, although CXone does not have it',
};

/** Dates are compared with one moment rather than with the clock, so that a repeated attempt reads a row as the first did. */
export function createPreferenceReader(
  run: Run,
  columns: readonly string[] | null,
  map: Readonly<Record<string, string>>,
): RowReader {
  const resolved = columns ? resolvePreferenceColumns(columns, map, 'history') : { columns: null };
  const problems = 'problems' in resolved ? resolved.problems : columns ? [] : preferenceMapProblems(map);
  if ('problems' in resolved || problems.length > 0)
    throw new SourceError('source_unreadable', problems.join(' '));
  return (fields) => {
    const read = readPreference(fields, resolved.columns, readAsOf(run), map);
    const { optOut } = read;
    if ('preference' in read && !('refusedFor' in read))
      return { ...toRow(run, read.preference), objections: toObjections(run, optOut, 'opt_out_staged') };
    const refused = 'refusedFor' in read ? [read.refusedFor] : read.reasons;
    // A dry run puts nobody on the suppression list.
    const reasons = optOut && !run.dry_run ? [...refused, noteSuppression(optOut)] : refused;
    const objections = toObjections(run, optOut, refused[0]?.code ?? 'invalid');
    if (!('refusedFor' in read)) return { reasons, objections };
    return { ...toRow(run, read.preference), settled: { outcome: 'rejected', reasons }, objections };
  };
}

function noteSuppression({ channels }: OptOut): Reason {
  const [, ...others] = channels;
  if (others.length === 0) return ON_SUPPRESSION_LIST;
  const message = `the row leaves the channel open, so the objection is on our own suppression list on ${channels.join(', ')}`;
  return { ...ON_SUPPRESSION_LIST, message };
}

function toRow(run: Run, preference: Preference) {
  return {
    record: toItem(run, preference),
    key1: preferenceKey(preference),
    key2: rankPreference(preference),
  };
}

/**
 * An objection takes effect as soon as it is staged. Until CXone has it, our own suppression list protects the person,
 * however the run ends and however long it waits for approval.
 */
function toObjections(run: Run, optOut: OptOut | null, reason: string): readonly Objection[] {
  if (optOut === null) return [];
  const { contactIds, channels, withdrawalTimestamp } = optOut;
  // An objection without a date was made before the source was read, at the latest.
  const since = withdrawalTimestamp ?? readAsOf(run).toISOString();
  return contactIds.flatMap((contactId) =>
    channels.map((channel) => ({ contactId, channel, reason, since })),
  );
}

/** The key is fixed at staging, so that every attempt sends the same bytes. */
function toItem(run: Run, preference: Preference): PreferenceItem {
  const idempotencyKey = preference.idempotencyKey ?? deriveItemKey(run.run_id, preference);
  return { ...preference, idempotencyKey };
}
