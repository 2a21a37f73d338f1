/** Reads workbooks in tests, from memory through a file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../../../src/domain/source-limits.ts';
import { openSource } from '../../../src/sources/open.ts';
import type { SourceRow } from '../../../src/sources/rows.ts';
import { openFileText } from '../../../src/sources/text-of-file.ts';
import type { SheetFacts } from '../../../src/sources/workbook.ts';

export interface ReadSheet {
  readonly columns: readonly string[] | null;
  readonly rows: readonly SourceRow[];
  readonly facts: SheetFacts | null;
}

export interface ReadOptions {
  readonly sheet?: string;
  readonly limits?: Partial<SourceLimits>;
}

export async function readFile(path: string, options: ReadOptions = {}): Promise<ReadSheet> {
  const limits = { ...DEFAULT_SOURCE_LIMITS, ...options.limits };
  const name = 'people.xlsx';
  const text = await openFileText(path, { name, format: 'xlsx', sheet: options.sheet, limits });
  const source = await openSource(text.bytes, { name, format: 'xlsx', limits });
  const rows: SourceRow[] = [];
  for await (const row of source.rows()) rows.push(row);
  return { columns: source.columns, rows, facts: text.sheet };
}

export async function readWorkbook(bytes: Buffer, options: ReadOptions = {}): Promise<ReadSheet> {
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-workbooks-'));
  try {
    const path = join(folder, 'people.xlsx');
    await writeFile(path, bytes);
    return await readFile(path, options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The values of the only column, or the codes of the reasons. */
export async function readValues(bytes: Buffer, options: ReadOptions = {}): Promise<unknown[]> {
  const { rows } = await readWorkbook(bytes, options);
  return rows.map(({ fields, broken }) => broken?.code ?? Object.values(fields ?? {})[0]);
}
