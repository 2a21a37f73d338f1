/** Sources in memory, delivered in chunks of any size. */
import type { SourceFormat } from '../../src/sources/format.ts';
import { type OpenedSource, openSource } from '../../src/sources/open.ts';
import type { SourceRow } from '../../src/sources/rows.ts';

export type Content = string | Uint8Array;

/** @param cuts where chunks end; anywhere, also inside a character */
export async function* splitIntoChunks(
  content: Content,
  cuts: readonly number[] = [],
): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content as string);
  let from = 0;
  for (const to of [...cuts, bytes.length].sort((a, b) => a - b)) {
    await Promise.resolve();
    yield bytes.subarray(from, to);
    from = Math.max(from, to);
  }
}

export function open(
  content: Content,
  format: SourceFormat = 'csv',
  cuts: readonly number[] = [],
): Promise<OpenedSource> {
  return openSource(splitIntoChunks(content, cuts), { name: 'people', format });
}

export async function readRows(
  content: Content,
  format: SourceFormat = 'csv',
  cuts: readonly number[] = [],
): Promise<readonly SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of (await open(content, format, cuts)).rows()) rows.push(row);
  return rows;
}

/** For each row its line and the code of its reason: `3 row_bad_quote`, or `4 ok`. */
export async function listVerdicts(
  content: Content,
  format: SourceFormat = 'csv',
): Promise<readonly string[]> {
  return (await readRows(content, format)).map((row) => `${row.line} ${row.broken?.code ?? 'ok'}`);
}
