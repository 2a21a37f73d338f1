/** Reading a source before it is handed over: one that cannot be read, or has not the columns, stages nothing. */
import { createHash } from 'node:crypto';
import { InputError } from './errors.ts';
import type { Kind, Source, SourceEncoding, SourceFormat } from '../contract/run.ts';
import { contactMapProblems, resolveContactColumns } from '../domain/contact-import/contacts.ts';
import { preferenceMapProblems, resolvePreferenceColumns } from '../domain/preference-update/preferences.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import { openSource } from '../sources/open.ts';

export interface Staged {
  /** Give it to the run's input. */
  readonly source: Source;
  /** Rows that were read, broken ones included. */
  readonly rows: number;
  /** Of the text in UTF-8, like the hash. */
  readonly bytes: number;
  readonly sha256: string;
  /** As the file had it. */
  readonly encoding: SourceEncoding;
}

export interface StageOptions {
  /** Whose columns it has to have. Default `contactImport`. */
  readonly kind?: SourceKind;
  readonly format?: SourceFormat;
  /** Default: UTF-8, or what a byte order mark says. */
  readonly encoding?: SourceEncoding | undefined;
  /** Those of the worker, for the counts of what is read here. */
  readonly limits?: SourceLimits;
  readonly map?: Readonly<Record<string, string>>;
  /** What is wrong with the columns (null: NDJSON, where each row has its own). Default: by the kind. */
  readonly problems?: (columns: readonly string[] | null) => readonly string[];
  /** Called now and then with the bytes read so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Parses all of it, keeps nothing: is it readable, has it the columns, how many rows are there, which hash has it? */
export async function readThrough(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  format: SourceFormat,
  { kind = 'contactImport', map = {}, limits, onProgress, problems }: StageOptions,
): Promise<{ rows: number; sha256: string }> {
  let read = 0;
  const hash = createHash('sha256');
  const counted = async function* () {
    for await (const chunk of bytes) {
      read += chunk.length;
      hash.update(chunk);
      onProgress?.(read);
      yield chunk;
    }
  };
  const source = await openSource(counted(), { name, format, limits });
  const wrong = problems ? problems(source.columns) : columnProblems[kind](source.columns, map);
  if (wrong.length > 0) {
    await source.close();
    throw new InputError(wrong);
  }
  let rows = 0;
  for await (const _row of source.rows()) rows += 1;
  return { rows, sha256: hash.digest('hex') };
}

/** Kinds of run that read a source. */
type SourceKind = Exclude<Kind, 'selectionUpdate'>;
type Columns = readonly string[] | null;
type ColumnMap = NonNullable<StageOptions['map']>;

/** What is wrong with the columns of a source; null: it has none, and each row has its own keys. */
const columnProblems: Readonly<Record<SourceKind, (columns: Columns, map: ColumnMap) => readonly string[]>> =
  {
    contactImport: (columns, map) =>
      columns ? problemsOf(resolveContactColumns(columns, map)) : contactMapProblems(map),
    preferenceUpdate: (columns, map) =>
      columns ? problemsOf(resolvePreferenceColumns(columns, map)) : preferenceMapProblems(map),
  };

function problemsOf(resolved: object | { readonly problems: readonly string[] }): readonly string[] {
  return 'problems' in resolved ? resolved.problems : [];
}
