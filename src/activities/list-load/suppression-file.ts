/** The file of people who must not be called, in addition to CXone's list (docs/list-load.md#suppression). */
import { listLoad as spec } from '../../contract/list-load.ts';
import { identifyEntry } from '../../domain/list-load/identity.ts';
import { readSuppressionEntry, suppressionColumnProblems } from '../../domain/list-load/suppression-file.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../domain/source-limits.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import { inChunks } from '../engine/chunks.ts';
import { runInput } from '../engine/run-input.ts';
import { openDataset, requireDataset } from '../engine/source.ts';
import type { ListLoadDeps } from './settings.ts';

const ROWS_PER_CHUNK = 1_000;

/**
 * Adds the people of the file to a snapshot. Returns how many of its rows are not clear (domain/list-load/identity.ts), broken
 * ones among them; 0 if the run has no file. Errors: SourceError, if it cannot be read or was deleted, and those of `onChunk`,
 * which is called between.
 */
export async function addSuppressionFile(
  { ledger, sourceLimits: limits = DEFAULT_SOURCE_LIMITS }: Pick<ListLoadDeps, 'ledger' | 'sourceLimits'>,
  run: Run,
  snapshotNo: number,
  onChunk: () => Promise<void>,
): Promise<{ readonly unidentified: number }> {
  const { suppress } = runInput(spec, run);
  if (suppress === undefined) return { unidentified: 0 };
  const source = await openDataset(ledger, await requireDataset(ledger, suppress, limits), limits);
  try {
    const problems = suppressionColumnProblems(source.columns, 'history');
    if (problems.length > 0) throw new SourceError('source_unreadable', problems.join(' '));
    let unidentified = 0;
    for await (const rows of inChunks(source.rows(), { items: ROWS_PER_CHUNK })) {
      await onChunk();
      const read = rows.map(({ fields, legible = {}, broken }) => {
        const { identifiers, isClear } = identifyEntry(readSuppressionEntry(fields ?? legible));
        // Of a broken row nobody knows what is missing.
        return { identifiers, isClear: isClear && broken === undefined };
      });
      unidentified += read.filter(({ isClear }) => !isClear).length;
      const identifiers = read.flatMap((each) => each.identifiers);
      await ledger.suppressionSnapshots.add(snapshotNo, identifiers);
    }
    return { unidentified };
  } finally {
    await source.close();
  }
}
