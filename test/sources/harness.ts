/** A source out of memory, in chunks of any size. */
import { type OpenedSource, openSource } from '../../src/sources/open.ts';
import type { SourceFormat } from '../../src/sources/format.ts';
import type { SourceRow } from '../../src/sources/rows.ts';

export type Content = string | Uint8Array;

/** The chunks end at `cuts`, which may lie anywhere, also inside a character; all others at the end. */
export async function* chunksOf(content: Content, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
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
  return openSource(chunksOf(content, cuts), { name: 'people', format });
}

export async function rowsOf(
  content: Content,
  format: SourceFormat = 'csv',
  cuts: readonly number[] = [],
): Promise<readonly SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of (await open(content, format, cuts)).rows()) rows.push(row);
  return rows;
}

/** What is wrong with each row, with its line: `3 row_bad_quote`, or `4 ok`. */
export async function verdicts(content: Content, format: SourceFormat = 'csv'): Promise<readonly string[]> {
  return (await rowsOf(content, format)).map((row) => `${row.line} ${row.broken?.code ?? 'ok'}`);
}
