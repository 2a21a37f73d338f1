/** Staging: a source is read completely before it is stored, so that an unreadable one leaves nothing behind. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { columnMap } from '../contract/input.ts';
import type { Source, SourceEncoding, SourceFormat } from '../contract/run.ts';
import type { OperationSpec, OperationSpecs } from '../contract/spec.ts';
import { hasValue } from '../domain/fields.ts';
import { describeKey } from '../domain/json.ts';
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../domain/source-limits.ts';
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import { type Found, requireReadable, verifyUnchanged } from '../sources/files.ts';
import { resolveFormat } from '../sources/format.ts';
import { openSource } from '../sources/open.ts';
import { limitSize } from '../sources/size.ts';
import { openFileText } from '../sources/text-of-file.ts';
import type { ClientDeps } from './deps.ts';
import { InputError } from './errors.ts';

export interface Staged {
  /** The source in the input of a run. */
  readonly source: Extract<Source, { readonly dataset: string }>;
  /** Number of rows, including malformed ones, but not those without any value. */
  readonly rows: number;
  /** Size of the text in UTF-8. `sha256` is the hash of that text. */
  readonly bytes: number;
  readonly sha256: string;
  /** The encoding of the original file. */
  readonly encoding: SourceEncoding;
  /** Only of a workbook. */
  readonly sheet?: StagedSheet;
}

/** Which sheet was read. Hidden rows and columns are read like the others. */
export interface StagedSheet {
  readonly name: string;
  /** Rows with values. */
  readonly hiddenRows: number;
  readonly hiddenColumns: number;
}

export interface StageOptions<Kind extends string = string> {
  /** The operation that will read the file: its columns are checked now. Default: the worker checks them later. */
  readonly operation?: Kind;
  /** Default: from the extension of the file. */
  readonly format?: SourceFormat;
  /** Default: UTF-8, or the encoding of the byte order mark. */
  readonly encoding?: SourceEncoding | undefined;
  /** Of a workbook: name or number of the sheet. Default: the only visible one that has cells with values. */
  readonly sheet?: string | undefined;
  /** Those limits of the workers that are not the default, so that rows are counted the way they will be read. */
  readonly limits?: Partial<SourceLimits>;
  readonly map?: Readonly<Record<string, string>>;
  /** Checks the columns of a source that no operation reads; instead of `operation`. */
  readonly columnProblems?: OperationSpec['columnProblems'];
  /** Sees every row that can be read, and says at the end what is wrong with all of them together. */
  readonly rowsCheck?: RowsCheck;
  /** Called repeatedly with the number of bytes read so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface RowsCheck {
  readonly note: (fields: Readonly<Record<string, unknown>>) => void;
  readonly problems: () => readonly string[];
}

export interface StagingClient<Kind extends string = string> {
  /**
   * Reads a whole file, then stores its bytes in the ledger. Throws SourceError if it cannot be read or is too large, and
   * InputError if its columns are wrong.
   */
  stageFile(path: string, options?: StageOptions<Kind>): Promise<Staged>;

  /**
   * Stores rows from a service: objects whose keys are column names. Throws InputError for what JSON cannot hold, and
   * SourceError if they are too many. Nothing is stored then.
   */
  stageRows(
    rows: AsyncIterable<object> | Iterable<object>,
    name?: string,
    options?: Pick<StageOptions, 'limits'>,
  ): Promise<Staged>;
}

/** @internal */
export function createStagingClient<Kind extends string>({
  ledger,
  operations,
}: Pick<ClientDeps, 'ledger' | 'operations'>): StagingClient<Kind> {
  return {
    async stageFile(path, options = {}) {
      const name = requireName(basename(path));
      const mapProblem = options.map === undefined ? null : columnMap(options.map);
      if (mapProblem !== null) throw new InputError([`map ${mapProblem}`]);
      // First, because a folder has no extension by which its format could be missed.
      await requireReadable(path, { name });
      const format = resolveFormat(path, options.format);
      const columnProblems = options.columnProblems ?? findColumnCheck(operations, options.operation);
      const { encoding, sheet } = options;
      const limits = completeLimits(options.limits);
      const text = () => openFileText(path, { name, format, encoding, sheet, limits });
      const first = await text();
      const { rows, ...found } = await readThrough(first.bytes, { ...options, name, format, columnProblems });
      const second = await text();
      const dataset = await ledger.datasets
        .stage(name, format, verifyUnchanged(second.bytes, found, name))
        .finally(second.close);
      const source = { dataset: dataset.id, ...(options.map && { map: options.map }) };
      return {
        ...dataset,
        rows,
        encoding: first.encoding,
        ...(first.sheet && { sheet: first.sheet }),
        source,
      };
    },

    async stageRows(rows, name = 'rows', options = {}) {
      const { maxSourceBytes } = completeLimits(options.limits);
      let [given, count] = [0, 0];
      const lines = async function* () {
        for await (const row of rows) {
          given += 1;
          const json = toJson(row, given);
          // A date has its value in its text.
          if (hasValue(row) || hasValue(JSON.parse(json))) count += 1;
          yield Buffer.from(`${json}\n`);
        }
      };
      const bytes = limitSize(lines(), name, maxSourceBytes);
      const dataset = await ledger.datasets.stage(requireName(name), 'ndjson', bytes);
      return { ...dataset, rows: count, encoding: 'utf-8', source: { dataset: dataset.id } };
    },
  };
}

function completeLimits(limits: Partial<SourceLimits> = {}): SourceLimits {
  return { ...DEFAULT_SOURCE_LIMITS, ...limits };
}

/** The ledger stores it, and reports show it. Throws InputError. */
function requireName(name: string): string {
  const problem = textProblem(name, TEXT_RULES.path);
  if (problem !== null) throw new InputError([`the name of the source ${problem}`]);
  return name;
}

/** JSON.stringify writes NaN and Infinity as null, which would be another value. */
function toJson(row: object, number: number): string {
  const inRow = (problem: string) => new InputError([`row ${number} ${problem}`]);
  try {
    return JSON.stringify(row, (key, value: unknown) => {
      if (typeof value !== 'number' || Number.isFinite(value)) return value;
      throw inRow(`has a number that JSON does not have: ${describeKey(key)} is ${value}`);
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw inRow('is not a JSON object: it is nested too deep, refers to itself or has a bigint');
  }
}

type ColumnCheck = NonNullable<OperationSpec['columnProblems']>;

/**
 * Without an operation, and for an operation that reads no source, any columns are accepted. Throws InputError if there is no
 * such operation, which a JavaScript caller finds out here only.
 */
function findColumnCheck(operations: OperationSpecs, kind: string | undefined): ColumnCheck {
  if (kind === undefined) return () => [];
  if (!Object.hasOwn(operations, kind))
    throw new InputError([`operation must be one of ${Object.keys(operations).join(', ')}, not ${kind}`]);
  return operations[kind]?.columnProblems ?? (() => []);
}

interface ReadThroughOptions extends Pick<StageOptions, 'limits' | 'map' | 'rowsCheck' | 'onProgress'> {
  readonly name: string;
  readonly format: SourceFormat;
  readonly columnProblems: ColumnCheck;
}

/** Parses the whole file, and keeps only the number of rows and the hash. */
async function readThrough(
  bytes: AsyncIterable<Uint8Array>,
  { name, format, columnProblems, map = {}, rowsCheck, limits, onProgress }: ReadThroughOptions,
): Promise<{ rows: number } & Found> {
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
  const source = await openSource(counted(), { name, format, limits: completeLimits(limits) });
  const problems = columnProblems(source.columns, map);
  if (problems.length > 0) {
    await source.close();
    throw new InputError(problems);
  }
  let rows = 0;
  for await (const { fields } of source.rows()) {
    rows += 1;
    if (fields) rowsCheck?.note(fields);
  }
  const wrong = rowsCheck?.problems() ?? [];
  if (wrong.length > 0) throw new InputError(wrong);
  return { rows, bytes: read, sha256: hash.digest('hex') };
}
