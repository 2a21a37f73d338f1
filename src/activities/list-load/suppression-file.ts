/** The file of people who must not be called, in addition to CXone's list (docs/list-load.md#suppression). */
import { listLoad as spec } from '../../contract/list-load.ts';
import { readSuppressionEntry, suppressionColumnProblems } from '../../domain/consent/suppression-file.ts';
import { identifyEntry } from '../../domain/identifiers.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../domain/source-limits.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import { inChunks } from '../engine/chunks.ts';
import { runInput } from '../engine/run-input.ts';
import { openDataset, requireDataset } from '../engine/source.ts';
import type { ListLoadDeps } from './settings.ts';

const ROWS_PER_CHUNK = 1_000;

interface FileFigures {
  /** null: the run has no file. */
  readonly rows: number | null;
  readonly unidentified: number;
}

/**
 * Adds the people of the file to a snapshot. Returns how many rows it has, and how many of them are not clear
 * (domain/identifiers.ts), broken ones among them. Errors: SourceError, if it cannot be read, has no rows or was deleted,
 * and those of `onChunk`, which is called between.
 */
export async function addSuppressionFile(
  { ledger, sourceLimits: limits = DEFAULT_SOURCE_LIMITS }: Pick<ListLoadDeps, 'ledger' | 'sourceLimits'>,
  run: Run,
  snapshotNo: number,
  onChunk: () => Promise<void>,
): Promise<FileFigures> {
  const { suppress } = runInput(spec, run);
  if (suppress === undefined) return { rows: null, unidentified: 0 };
  const source = await openDataset(ledger, await requireDataset(ledger, suppress, limits), limits);
  try {
    const problems = suppressionColumnProblems(source.columns, 'history');
    if (problems.length > 0) throw new SourceError('source_unreadable', problems.join(' '));
    let [rows, unidentified] = [0, 0];
    for await (const chunk of inChunks(source.rows(), { items: ROWS_PER_CHUNK })) {
      await onChunk();
      const read = chunk.map(({ fields, legible = {}, broken }) => {
        const { identifiers, isClear } = identifyEntry(readSuppressionEntry(fields ?? legible));
        // Of a broken row nobody knows what is missing.
        return { identifiers, isClear: isClear && broken === undefined };
      });
      rows += read.length;
      unidentified += read.filter(({ isClear }) => !isClear).length;
      const identifiers = read.flatMap((each) => each.identifiers);
      await ledger.suppressionSnapshots.add(snapshotNo, identifiers);
    }
    return { rows, unidentified };
  } finally {
    await source.close();
  }
}
