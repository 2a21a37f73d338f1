/**
 * Whether the rows of a source have the declared merge fields (docs/email-send.md#merge-fields). Of NDJSON and JSON it shows only
 * when all rows are read, because each has keys of its own. Pure.
 */
import { type Audience, type ColumnMap, normalizeName, RAW_COLUMN } from '../columns.ts';
import type { Fields } from '../fields.ts';
import { isObject } from '../json.ts';
import { findSimilar } from '../similar.ts';
import { quoteName } from '../text.ts';
import { type Declares, matchRecipientKeys, missingFields, splitKeys } from './columns.ts';
import { type MergeField, quoteField } from './merge-fields.ts';

/** Of which a proposal is made. Rows may have keys without end. */
const MAX_KEYS = 1_000;

export interface FieldSearch {
  readonly note: (fields: Fields) => void;
  /** Every field was found, so no further row changes anything. */
  readonly isDone: () => boolean;
  /**
   * One sentence for each declared field without fallback that none of the rows has, not even blank. A key like it is named to
   * everybody: it is almost the name that the message declares.
   */
  readonly problems: () => readonly string[];
}

export function searchFields(
  message: Declares,
  map: ColumnMap = {},
  audience: Audience = 'terminal',
): FieldSearch {
  let missing = missingFields({ merge: [] }, message);
  const keys = new Set<string>();
  return {
    note: (fields) => {
      if (missing.length === 0 || Object.hasOwn(fields, RAW_COLUMN)) return;
      const { flat, nested } = splitKeys(fields);
      const inside = isObject(nested) ? Object.keys(nested) : [];
      missing = withoutFound(missing, { flat, inside, map });
      for (const key of [...flat, ...inside]) if (keys.size < MAX_KEYS) keys.add(key);
    },
    isDone: () => missing.length === 0,
    // Nothing can be said of rows none of which could be read.
    problems: () => (keys.size === 0 ? [] : missing.map(({ name }) => describe(name, [...keys], audience))),
  };
}

interface Row {
  readonly flat: readonly string[];
  /** The keys of its `mergeFields`. */
  readonly inside: readonly string[];
  readonly map: ColumnMap;
}

function withoutFound(mergeFields: readonly MergeField[], { flat, inside, map }: Row): readonly MergeField[] {
  const nested = new Set(inside.map(normalizeName));
  const inRow = matchRecipientKeys(flat, map, { mergeFields });
  return missingFields(inRow, { mergeFields }).filter(({ name }) => !nested.has(normalizeName(name)));
}

function describe(name: string, keys: readonly string[], audience: Audience): string {
  const similar = findSimilar(name, keys);
  const proposal = similar === undefined ? '' : `, but there is ${quoteName(similar)}`;
  const mapped = audience === 'history' ? "in the source's map" : `(--map ${quoteName(name)}="your key")`;
  return `${quoteField(name)} is in no row${proposal}. Correct the name, name the key that has it ${mapped}, or give the field a fallback in mergeFields`;
}
