/** Rows of a source to preferences as CXone takes them: the domain's rules, and the keys of single items. */
import { createHash } from 'node:crypto';
import type { PreferenceItem } from '../../cxone/preferences.ts';
import {
  type Preference,
  preferenceKey,
  preferenceMapProblems,
  rankPreference,
  readPreference,
  resolvePreferenceColumns,
  type UnsentOptOut,
} from '../../domain/preference-update/preferences.ts';
import type { Reason } from '../../domain/run.ts';
import { canonicalize } from '../../ledger/hashing.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import { SourceError } from '../../sources/errors.ts';
import type { RowReader } from '../engine/definition.ts';

/** Beside the reason why CXone does not have an objection. */
export const ON_OUR_LIST: Reason = {
  code: 'on_our_suppression_list',
  message: 'nobody is reached against this objection, although CXone does not have it',
};

/** The rules look at the clock once, at the start of the run: a repeat of staging reads every row alike. */
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
    const read = readPreference(fields, resolved.columns, run.started_at, map);
    if ('preference' in read && !('refusedFor' in read))
      return { ...rowOf(run, read.preference), ...stagedObjection(run, read.preference) };
    const { optOut } = read;
    const refused = 'refusedFor' in read ? [read.refusedFor] : read.reasons;
    // A rehearsal puts nobody on the list.
    const reasons = optOut && !run.dry_run ? [...refused, ON_OUR_LIST] : refused;
    const objection = optOut && { objection: objectionOf(run, optOut, refused) };
    if (!('refusedFor' in read)) return { reasons, ...objection };
    return { ...rowOf(run, read.preference), settled: { outcome: 'rejected', reasons }, ...objection };
  };
}

function rowOf(run: Run, preference: Preference) {
  return {
    record: itemOf(run, preference),
    key1: preferenceKey(preference),
    key2: rankPreference(preference),
  };
}

/**
 * An objection takes effect when it is staged: until CXone has it, our own list protects the person, however the run ends
 * and however long it waits for an approval.
 */
function stagedObjection(run: Run, preference: Preference): { readonly objection?: Objection } {
  if (preference.optIn) return {};
  const { contactId, channel, withdrawalTimestamp } = preference;
  const since = withdrawalTimestamp ?? run.started_at.toISOString();
  return { objection: { contactId, channel, since, reason: 'opt_out_staged' } };
}

function objectionOf(run: Run, optOut: UnsentOptOut, reasons: readonly Reason[]): Objection {
  const { contactId, channel, withdrawalTimestamp } = optOut;
  // Without a date it was made when we heard of it, at the latest.
  const since = withdrawalTimestamp ?? run.started_at.toISOString();
  return { contactId, channel, reason: reasons[0]?.code ?? 'invalid', since };
}

/** Fixed here: every try sends the same bytes. */
function itemOf(run: Run, preference: Preference): PreferenceItem {
  const idempotencyKey = preference.idempotencyKey ?? itemKey(run.run_id, preference);
  return { ...preference, idempotencyKey };
}

/** Ours, made once at random: the namespace of derived item keys. */
const NAMESPACE = Buffer.from('5b1f0a3e6c9d4c1f9a2e7d8340f6b521', 'hex');

/** UUIDv5 of run, contact, channel and content (decisions.md 25; RFC 9562, 5.5). */
export function itemKey(runId: string, preference: Preference): string {
  const name = canonicalize({ runId, ...preference });
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
