/** Rows of a small CSV, and what a list load makes of them without CXone: validate, suppress, score, deduplicate. */
import { resolveListColumns } from '../../../src/domain/list-load/columns.ts';
import {
  createRankedDuplicateFinder,
  type RankedDuplicate,
} from '../../../src/domain/list-load/duplicates.ts';
import { identifiersOf } from '../../../src/domain/list-load/identity.ts';
import {
  DEFAULT_DEDUPLICATE_BY,
  type ItemRules,
  type ListItem,
} from '../../../src/domain/list-load/items.ts';
import { compareRank, type Ranked } from '../../../src/domain/list-load/rank.ts';
import { readItem } from '../../../src/domain/list-load/read-item.ts';
import { DEFAULT_SCORING } from '../../../src/domain/list-load/scoring.ts';
import type { Reason } from '../../../src/domain/run.ts';

export type Row = Readonly<Record<string, unknown>>;

export const RULES: ItemRules = {
  deduplicateBy: DEFAULT_DEDUPLICATE_BY,
  scoring: DEFAULT_SCORING,
  schema: null,
};

/** Cells without quotes. */
export function parseCsv(text: string): {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
} {
  const [header = '', ...lines] = text.trim().split('\n');
  const columns = header.split(',');
  const rows = lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? '']));
  });
  return { columns, rows };
}

export interface Valid extends Ranked {
  readonly item: ListItem;
  readonly keys: readonly string[];
}

export interface Settled {
  /** In the order of the upload. */
  readonly loaded: readonly Valid[];
  readonly duplicates: readonly { readonly row: Valid; readonly duplicate: RankedDuplicate }[];
  readonly suppressed: readonly Valid[];
  readonly invalid: readonly { readonly line: number; readonly reasons: readonly Reason[] }[];
}

/** @param columns null: the rows are of NDJSON or JSON. The first row of CSV is on line 2 */
export function settle(
  columns: readonly string[] | null,
  rows: readonly Row[],
  options: { readonly rules?: Partial<ItemRules>; readonly suppressed?: readonly string[] } = {},
): Settled {
  const rules = { ...RULES, ...options.rules };
  const resolved = columns === null ? { columns: null } : resolveListColumns(columns, {}, rules);
  if ('problems' in resolved) throw new Error(resolved.problems.join('\n'));
  const read = rows.map((row, i) => ({ line: i + 2, ...readItem(row, resolved.columns, rules) }));
  const valid = read.flatMap((row): Valid[] => ('item' in row ? [{ ...row, score: row.score.score }] : []));
  return {
    ...rankAndSettle(valid, new Set(options.suppressed)),
    invalid: read.flatMap((row) => ('reasons' in row ? [row] : [])),
  };
}

export function rankAndSettle(valid: readonly Valid[], list: ReadonlySet<string>): Omit<Settled, 'invalid'> {
  const isSuppressed = ({ item }: Valid) => identifiersOf(item).some((each) => list.has(each));
  const finder = createRankedDuplicateFinder();
  const checked = valid
    .filter((row) => !isSuppressed(row))
    .toSorted(compareRank)
    .map((row) => ({ row, duplicate: finder.check(row) }));
  return {
    loaded: checked.filter(({ duplicate }) => duplicate === null).map(({ row }) => row),
    duplicates: checked.flatMap(({ row, duplicate }) => (duplicate ? [{ row, duplicate }] : [])),
    suppressed: valid.filter(isSuppressed),
  };
}

export function valueOf({ item }: Valid, name: string): string | undefined {
  return item.fields.find((field) => field.name === name)?.value;
}
