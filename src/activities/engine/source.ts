/** The source of a run: a file, a dataset, or what an earlier run left undone. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Source } from '../../contract/run.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Dataset } from '../../ledger/runs/datasets.ts';
import { findColumnMap, retryContentSha256 } from '../../ledger/runs/retries.ts';
import { SourceError } from '../../sources/errors.ts';
import { verifyUnchanged } from '../../sources/files.ts';
import { resolveFormat, type SourceFormat } from '../../sources/format.ts';
import { type OpenedSource, openSource } from '../../sources/open.ts';
import type { SourceRow } from '../../sources/rows.ts';
import { limitSize, requireSize } from '../../sources/size.ts';
import { openFileText } from '../../sources/text-of-file.ts';
import { throwIfStopping } from './stopping.ts';

/** A source as it was found. It can be opened repeatedly, each time from its start. */
export interface Content {
  readonly name: string;
  readonly format: string;
  /** Of the file. `bytes` and `sha256` are those of its text in UTF-8. */
  readonly encoding: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Field → column, from the input of this run or of the run that is retried. */
  readonly map: Readonly<Record<string, string>>;
  open(): Promise<OpenedContent>;
}

export interface OpenedContent {
  /** The name of the sheet, if the source is a workbook. */
  readonly sheet?: string | undefined;
  readonly columns: readonly string[] | null;
  readonly rows: AsyncIterable<SourceRow>;
  /** Releases the file, even if it was not read to its end. */
  readonly close: () => Promise<void>;
}

export interface SourceDeps {
  readonly ledger: Ledger;
  /** null: files are not read. */
  readonly sourceDir: string | null;
  readonly limits: SourceLimits;
  /** Aborted when the worker is shutting down. */
  readonly draining: AbortSignal;
}

/** Errors: SourceError, and those of `throwIfStopping`, because hashing a file may take long. */
export function findContent(deps: SourceDeps, source: Source): Promise<Content> {
  if ('path' in source) return findFile(deps, source);
  if ('dataset' in source) return findDataset(deps, source);
  return findRetried(deps.ledger, source.retryOf);
}

type PathSource = Extract<Source, { path: string }>;
type DatasetSource = Extract<Source, { dataset: string }>;

/** Only files in the source folder, because any Temporal client may name one. */
async function findFile({ sourceDir, limits, draining }: SourceDeps, source: PathSource): Promise<Content> {
  const { path: name, map = {} } = source;
  const file = await resolveInside(sourceDir, name);
  const format = resolveFormat(name, source.format);
  // All links are resolved by now. A link that appears later could lead out of the folder, so none is followed.
  const { encoding: given, sheet: wanted } = source;
  const readText = () =>
    openFileText(file, { name, format, encoding: given, sheet: wanted, limits, followLinks: false });
  const { bytes: text, encoding } = await readText();
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of limitSize(text, name, limits.maxSourceBytes)) {
    hash.update(chunk);
    bytes += chunk.length;
    await throwIfStopping(draining);
  }
  const sha256 = hash.digest('hex');
  const open = async () =>
    toOpenedContent(
      await openSource(verifyUnchanged((await readText()).bytes, { bytes, sha256 }, name), {
        name,
        format,
        limits,
      }),
    );
  return { name, format, encoding, bytes, sha256, map, open };
}

const NO_SOURCE_FOLDER =
  'this worker has no source folder, so it reads no file by its path: set CXFLOW_SOURCE_DIR, or stage the file with ' +
  'the client or the command line and start the run with its dataset';

async function resolveInside(sourceDir: string | null, path: string): Promise<string> {
  if (sourceDir === null) throw new SourceError('source_missing', NO_SOURCE_FOLDER);
  const folder = await realpath(sourceDir).catch(() => {
    throw new SourceError('source_missing', "the worker's source folder (CXFLOW_SOURCE_DIR) does not exist");
  });
  const wanted = resolve(folder, path);
  const file = await realpath(wanted).catch(() => wanted);
  const inside = relative(folder, file);
  if (!/^\.\.(?:[/\\]|$)/.test(inside) && !isAbsolute(inside)) return file;
  const message = `${path} is not in the worker's source folder (CXFLOW_SOURCE_DIR)`;
  throw new SourceError('source_missing', message);
}

async function findDataset(
  { ledger, limits }: SourceDeps,
  { dataset: id, map = {} }: DatasetSource,
): Promise<Content> {
  const dataset = await requireDataset(ledger, id, limits);
  const open = async () => toOpenedContent(await openDataset(ledger, dataset, limits));
  return { ...dataset, encoding: 'utf-8', map, open };
}

/** Also checks its size, before any of its rows is used. Throws SourceError. */
export async function requireDataset(
  { datasets }: Pick<Ledger, 'datasets'>,
  id: string,
  { maxSourceBytes }: SourceLimits,
): Promise<Dataset> {
  const dataset = await datasets.find(id);
  if (!dataset)
    throw new SourceError(
      'source_missing',
      `dataset ${id} is not in the ledger; stage it through the client`,
    );
  requireSize(dataset.name, dataset.bytes, maxSourceBytes);
  return dataset;
}

/** Throws SourceError. */
export function openDataset(
  { datasets }: Pick<Ledger, 'datasets'>,
  { id, name, format }: Dataset,
  limits: SourceLimits,
): Promise<OpenedSource> {
  return openSource(datasets.read(id), { name, format: format as SourceFormat, limits });
}

function toOpenedContent(source: OpenedSource): OpenedContent {
  return { sheet: source.sheet, columns: source.columns, rows: source.rows(), close: source.close };
}

/** The records that an earlier run left undone (docs/adr/0013-sources-and-files.md#sources). */
async function findRetried(ledger: Ledger, runId: string): Promise<Content> {
  const earlier = await ledger.runs.find(runId);
  const problem = earlier ? await ledger.retries.findObstacle(earlier) : 'is not in the ledger';
  if (!earlier || problem !== null)
    throw new SourceError('source_unreadable', `run ${runId} cannot be retried: it ${problem}`);
  const rows = async function* (): AsyncIterable<SourceRow> {
    for await (const { line, fields } of ledger.retries.listRecords(earlier.run_no)) yield { line, fields };
    await requireNotPurged(ledger, runId);
  };
  return {
    name: `retry of ${runId}`,
    format: earlier.source?.format ?? 'csv',
    encoding: 'utf-8',
    bytes: 0,
    sha256: retryContentSha256(earlier),
    map: await findColumnMap(ledger.runs, earlier),
    open: () =>
      Promise.resolve({
        columns: earlier.source?.columns ?? null,
        rows: rows(),
        close: () => Promise.resolve(),
      }),
  };
}

/** A run is marked as purged before its rows go, so rows were read completely if it is not marked after the last of them. */
async function requireNotPurged({ runs }: Ledger, runId: string): Promise<void> {
  if ((await runs.get(runId)).purged_at === null) return;
  const message = `run ${runId} was purged while its rows were read (cxflow purge does that); import their file again`;
  throw new SourceError('source_unreadable', message);
}
