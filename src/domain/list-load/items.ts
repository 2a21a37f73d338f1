/** What a list holds, and what a run says about it (docs/list-load.md). Pure. */
import type { ScoringRules } from './scoring.ts';

/**
 * The vendor's limit for a row, which is the values of all its fields together. The names do not count, because they are
 * the columns of the list. In UTF-16 code units, like every limit in characters here: that is what `length` counts in the
 * languages such systems are written in, and never less than the number of characters. The vendor does not say what it
 * counts; if it counts more, it refuses the item, which is then `rejected`. No value is ever shortened.
 */
export const MAX_ROW_CHARACTERS = 512;

export interface Field {
  /** Not empty. */
  readonly name: string;
  /** Not empty: a field without a value is left out. */
  readonly value: string;
}

/** What a list holds, exactly as it is sent. */
export interface ListItem {
  /** The fields of `deduplicateBy` that have a value; at least one. */
  readonly deduplicationKeys: readonly Field[];
  readonly fields: readonly Field[];
  /** 0 to 10. */
  readonly priority: number;
}

/** Which fields a list takes. Replaces the schema of the list, since CXone has no endpoint for it. */
export interface FieldSchema {
  /** Any other field makes a row invalid. Default: every name is allowed. */
  readonly allowed?: readonly string[];
  /** Fields that must have a value. */
  readonly required?: readonly string[];
}

/** What a run says about its rows. */
export interface ItemRules {
  /** Names of fields. Rows that share the value of one of them are duplicates. */
  readonly deduplicateBy: readonly string[];
  readonly scoring: ScoringRules;
  readonly schema: FieldSchema | null;
  /** Whether the run keeps to calling hours, for which every time zone has to be one. Default false. */
  readonly hasCallingHours?: boolean;
  /** Of phone numbers without a country code: two letters (ISO 3166). Default: they are invalid. */
  readonly country?: string;
}

export const DEFAULT_DEDUPLICATE_BY: readonly string[] = ['phone_number'];
