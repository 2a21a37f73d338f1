/** How the rows of a list load are read, and which of them are duplicates. */
import { itemRules, listLoad as spec } from '../../contract/list-load.ts';
import { listMapProblems, resolveListColumns } from '../../domain/list-load/columns.ts';
import { createRankedDuplicateFinder, duplicateReason } from '../../domain/list-load/duplicates.ts';
import { readItem } from '../../domain/list-load/read-item.ts';
import type { DuplicateRow, RankedCandidate } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import type { RowReader } from '../engine/definition.ts';
import { runInput } from '../engine/run-input.ts';

export function createItemReader(
  run: Run,
  columns: readonly string[] | null,
  map: Readonly<Record<string, string>>,
): RowReader {
  const rules = itemRules(runInput(spec, run));
  const resolved = columns ? resolveListColumns(columns, map, rules, 'history') : { columns: null };
  const problems = 'problems' in resolved ? resolved.problems : listMapProblems(columns, map);
  if ('problems' in resolved || problems.length > 0)
    throw new SourceError('source_unreadable', problems.join(' '));
  return (fields) => {
    const read = readItem(fields, resolved.columns, rules, map);
    if ('reasons' in read) return read;
    const { item, score, updatedAt, keys } = read;
    return { record: item, rank: { score: score.score, recency: updatedAt }, keys };
  };
}

export async function* findDuplicateItems(
  _run: Run,
  candidates: AsyncIterable<RankedCandidate>,
): AsyncIterable<DuplicateRow> {
  const finder = createRankedDuplicateFinder();
  for await (const { seq, line, keys } of candidates) {
    const duplicate = finder.check({ line, keys });
    if (duplicate) yield { seq, reason: duplicateReason(duplicate) };
  }
}
