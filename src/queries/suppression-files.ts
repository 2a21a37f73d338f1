/** Our own suppression list as CSV, a workbook, NDJSON or JSON, streamed, in the form in which it can be imported again. */
import { stringify } from 'csv-stringify/sync';
import { escapeFormula } from '../domain/cells.ts';
import { formatExportedKey } from '../domain/consent/suppressions.ts';
import type { ListedSuppression } from '../ledger/consent/suppressions.ts';
import type { Chunks, RecordFormat } from './record-files.ts';

/** An entry as people and programs read it. */
export interface ShownSuppression {
  /** Its keyed hash, as an import takes it. */
  readonly entry: string;
  readonly channel: string;
  readonly reason: string;
  readonly code: string | null;
  readonly since: string;
}

const COLUMNS = ['entry', 'channel', 'reason', 'code', 'since'] as const;

/** `keyId`: SubjectKeys.keyId of the ledger. */
export function showSuppression(
  { kind, subject, channel, reason, code, since }: ListedSuppression,
  keyId: string,
): ShownSuppression {
  const entry = formatExportedKey({ kind, keyId, subject });
  return { entry, channel, reason, code, since: since.toISOString() };
}

/** An entry in the JSON document of a command. */
export function toSuppressionDocument(entry: ListedSuppression, keyId: string) {
  const { runId, addedBy, kind } = entry;
  return { about: kind, ...showSuppression(entry, keyId), runId, addedBy };
}

export async function* formatSuppressions(
  entries: AsyncIterable<ListedSuppression>,
  keyId: string,
  format: RecordFormat,
): Chunks {
  if (format === 'xlsx') {
    yield* formatXlsx(entries, keyId);
    return;
  }
  if (format === 'csv') yield toCsvLine(COLUMNS);
  let separator = '[\n';
  for await (const listed of entries) {
    const shown = showSuppression(listed, keyId);
    if (format === 'csv') yield toCsvLine(COLUMNS.map((column) => escapeFormula(shown[column] ?? '')));
    else if (format === 'ndjson') yield `${JSON.stringify(shown)}\n`;
    else yield `${separator}${JSON.stringify(shown)}`;
    separator = ',\n';
  }
  if (format === 'json') yield separator === '[\n' ? '[]\n' : '\n]\n';
}

async function* formatXlsx(entries: AsyncIterable<ListedSuppression>, keyId: string): Chunks {
  const { formatWorkbook } = await import('./record-workbook.ts');
  async function* rows() {
    let line = 1;
    for await (const listed of entries) {
      const shown = showSuppression(listed, keyId);
      yield { line: (line += 1), cells: COLUMNS.map((column) => shown[column]), reasons: [] };
    }
  }
  yield* formatWorkbook({ columns: COLUMNS, sourceColumns: COLUMNS.length, rows: rows() });
}

/** A reason may have any of the characters that end a cell or a line. */
const toCsvLine = (cells: readonly string[]): string => stringify([[...cells]], { quoted_match: /[\r;\t|]/ });
