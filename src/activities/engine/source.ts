/** What the rows of a run are read from: a file, a dataset, an old run. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Source } from '../../contract/run.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { RETRIED, retryContentSha256 } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { decodeSource } from '../../sources/decode.ts';
import { SourceError } from '../../sources/errors.ts';
import { readFileBytes, verifyUnchanged } from '../../sources/files.ts';
import { resolveFormat, type SourceFormat } from '../../sources/format.ts';
import { type OpenedSource, openSource } from '../../sources/open.ts';
import type { SourceRow } from '../../sources/rows.ts';

/** A source, opened for reading from its start as often as needed. */
export interface Content {
  readonly name: string;
  readonly format: string;
  /** As it was found; the bytes and their hash are those of its text in UTF-8. */
  readonly encoding: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Field → column, as the caller or the run whose rows these are had it. */
  readonly map: Readonly<Record<string, string>>;
  open(): Promise<OpenedContent>;
}

export interface OpenedContent {
  readonly columns: readonly string[] | null;
  readonly rows: AsyncIterable<SourceRow>;
  /** Lets go of the file, also of one that was not read to its end. */
  readonly close: () => Promise<void>;
}

export interface ContentsDeps {
  readonly ledger: Ledger;
  readonly sourceDir: string;
  readonly limits: SourceLimits;
  /** Called between blocks of bytes; throws where the reader is to stop. */
  readonly goOn: () => Promise<void>;
}

/** Errors: SourceError. */
export function createContents(deps: ContentsDeps): (source: Source) => Promise<Content> {
  return (source) => {
    if ('path' in source) return fileContent(deps, source);
    if ('dataset' in source) return datasetContent(deps, source);
    return retryContent(deps.ledger, source.retryOf);
  };
}

type PathSource = Extract<Source, { path: string }>;
type DatasetSource = Extract<Source, { dataset: string }>;

/** A file in the source folder, and nowhere else: any Temporal client may name it. */
async function fileContent({ sourceDir, limits, goOn }: ContentsDeps, source: PathSource): Promise<Content> {
  const { path: name, map = {} } = source;
  const file = await fileInside(sourceDir, name);
  const format = resolveFormat(name, source.format);
  // Its path has no links any more; one that somebody puts there now may lead out of the folder.
  const decoded = () =>
    decodeSource(readFileBytes(file, { name, followLinks: false }), { name, encoding: source.encoding });
  const { bytes: text, encoding } = await decoded();
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of text) {
    hash.update(chunk);
    bytes += chunk.length;
    await goOn();
  }
  const sha256 = hash.digest('hex');
  const open = async () =>
    opened(
      await openSource(verifyUnchanged((await decoded()).bytes, sha256, name), { name, format, limits }),
    );
  return { name, format, encoding, bytes, sha256, map, open };
}

async function fileInside(sourceDir: string, path: string): Promise<string> {
  const folder = await realpath(sourceDir).catch(() => {
    throw new SourceError('source_missing', "the worker's source folder (CXFLOW_SOURCE_DIR) is not there");
  });
  const wanted = resolve(folder, path);
  const file = await realpath(wanted).catch(() => wanted);
  const inside = relative(folder, file);
  if (!/^\.\.(?:[/\\]|$)/.test(inside) && !isAbsolute(inside)) return file;
  const message = `${path}: sources lie in the worker's source folder (CXFLOW_SOURCE_DIR), and this one does not`;
  throw new SourceError('source_missing', message);
}

async function datasetContent(
  { ledger, limits }: ContentsDeps,
  { dataset: id, map = {} }: DatasetSource,
): Promise<Content> {
  const dataset = await ledger.datasets.find(id);
  if (!dataset)
    throw new SourceError(
      'source_missing',
      `dataset ${id} is not in the ledger; stage it through the client`,
    );
  const { name, format } = dataset;
  const open = async () =>
    opened(await openSource(ledger.datasets.read(id), { name, format: format as SourceFormat, limits }));
  return { ...dataset, encoding: 'utf-8', map, open };
}

function opened(source: OpenedSource): OpenedContent {
  return { columns: source.columns, rows: source.rows(), close: source.close };
}

/** What an old run left undone (decisions.md 2). */
async function retryContent(ledger: Ledger, runId: string): Promise<Content> {
  const old = await ledger.runs.find(runId);
  const problem = old ? await ledger.retries.findObstacle(old) : 'is not in the ledger';
  if (!old || problem !== null)
    throw new SourceError('source_unreadable', `run ${runId}, whose rows were to be retried, ${problem}`);
  const rows = async function* (): AsyncIterable<SourceRow> {
    for await (const { line, fields } of ledger.records.list(old.run_no, RETRIED)) yield { line, fields };
  };
  return {
    name: `retry of ${runId}`,
    format: old.source?.format ?? 'csv',
    encoding: 'utf-8',
    bytes: 0,
    sha256: retryContentSha256(old),
    map: await mapOf(ledger, old),
    open: () =>
      Promise.resolve({ columns: old.source?.columns ?? null, rows: rows(), close: () => Promise.resolve() }),
  };
}

/** The rows are as the old run's source had them, so its names of columns hold; through any number of retries. */
async function mapOf(ledger: Ledger, run: Run): Promise<Readonly<Record<string, string>>> {
  const { source } = run.input as { source: Source };
  if (!('retryOf' in source)) return source.map ?? {};
  const older = await ledger.runs.find(source.retryOf);
  return older ? mapOf(ledger, older) : {};
}
