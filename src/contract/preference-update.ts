/** Preference update: opt-ins and opt-outs of contacts, per channel. */
import { preferenceMapProblems, resolvePreferenceColumns } from '../domain/preference-update/preferences.ts';
import { type ChecksOf, COMMON_FIELDS, checkFields, flag, source } from './input.ts';
import type { BulkResult, CommonInput, Source } from './run.ts';
import type { OperationSpec } from './spec.ts';

export interface PreferenceUpdateInput extends CommonInput {
  readonly source: Source;
  /**
   * Read the preferences that CXone holds before writing, so that no opt-in overwrites a newer withdrawal; such a record
   * becomes a `conflict`. What CXone has already is `existing` and not sent. Default true.
   */
  readonly guard?: boolean;
}

export interface PreferenceUpdateResult extends BulkResult {
  readonly kind: 'preferenceUpdate';
  /** Rows that broke a rule of ours, and were not sent (docs/metrics.md). */
  readonly violations: number;
  /** Rows that broke no rule ÷ rows that were checked, in percent with two decimals; null if none was checked. */
  readonly complianceRatePercent: number | null;
  /**
   * Opt-outs that CXone did not accept, or is not certain to have: only our own suppression list protects these people.
   */
  readonly suppressions: number;
}

/** The target of every preference update, since preferences belong to the tenant and not to a list. */
const TARGET = 'preferences';

const FIELDS = { source, guard: flag, ...COMMON_FIELDS } satisfies ChecksOf<PreferenceUpdateInput>;

export const preferenceUpdate: OperationSpec<'preferenceUpdate', PreferenceUpdateInput> = {
  kind: 'preferenceUpdate',
  stem: 'preference-update',
  identity: 'once',
  check: (value) => checkFields<PreferenceUpdateInput>(value, FIELDS, ['source']),
  target: () => TARGET,
  title: () => 'Preference update',
  fingerprint: preferenceUpdateOptions,
  columnProblems(columns, map) {
    if (!columns) return preferenceMapProblems(map);
    const resolved = resolvePreferenceColumns(columns, map);
    return 'problems' in resolved ? resolved.problems : [];
  },
};

/** The options, with defaults filled in. */
export function preferenceUpdateOptions(input: PreferenceUpdateInput) {
  return { guard: input.guard ?? true, map: ('map' in input.source && input.source.map) || {} };
}
