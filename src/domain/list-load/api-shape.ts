/** Rows of NDJSON and JSON in the shape of CXone's own API (docs/cxone-contract.md#campaign-lists). Pure. */
import type { Fields } from '../fields.ts';
import { isObject } from '../json.ts';
import type { Reason } from '../run.ts';

export interface ApiRow {
  readonly cells: Fields;
  /** null: the row has none of its own. */
  readonly ownKeys: readonly (readonly [name: string, value: unknown])[] | null;
  readonly reasons: readonly Reason[];
}

/** `{"fields": [{"name", "value"}], "deduplicationKeys"?: …}`. What is wrong with a value is found later, as in any other row. */
export function readApiShape(row: Fields): ApiRow {
  const fields = readPairs(row.fields, 'fields');
  const own =
    row.deduplicationKeys === undefined ? null : readPairs(row.deduplicationKeys, 'deduplicationKeys');
  const others = Object.keys(row).filter((key) => key !== 'fields' && key !== 'deduplicationKeys');
  const unknown = others.map(
    (field): Reason => ({
      code: 'member_unknown',
      field,
      message: 'a row with fields has deduplicationKeys besides them, and nothing else',
    }),
  );
  return {
    // fromEntries defines properties instead of assigning them, so a field may be called `__proto__`.
    cells: Object.fromEntries(fields.pairs),
    ownKeys: own && own.pairs,
    reasons: [...fields.reasons, ...(own?.reasons ?? []), ...unknown],
  };
}

function readPairs(
  list: unknown,
  path: string,
): { readonly pairs: readonly (readonly [string, unknown])[]; readonly reasons: readonly Reason[] } {
  if (!Array.isArray(list)) return { pairs: [], reasons: [{ code: 'not_a_list', field: path }] };
  const pairs: [string, unknown][] = [];
  const reasons: Reason[] = [];
  const names = new Set<string>();
  list.forEach((each: unknown, index) => {
    const field = `${path}[${index}]`;
    if (!isObject(each) || typeof each.name !== 'string' || each.name.trim() === '' || !('value' in each))
      reasons.push({ code: 'not_a_field', field, message: 'must be {"name": "…", "value": "…"}' });
    else if (names.has(each.name)) reasons.push({ code: 'field_repeated', field });
    else pairs.push([each.name, each.value]);
    if (isObject(each) && typeof each.name === 'string') names.add(each.name);
  });
  return { pairs, reasons };
}
