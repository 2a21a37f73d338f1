/** The first steps of a bulk run: open it in the ledger, stage its rows, plan its batches. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Kind, Source } from '../contract.ts';
import { businessKey, canonicalize, sha256 } from '../ledger/business-key.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StagedRecord } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { SourceError } from '../sources/errors.ts';
import { readFileBytes } from '../sources/files.ts';
import { formatOf, type SourceFormat } from '../sources/format.ts';
import { openSource } from '../sources/open.ts';
import type { SourceRow } from '../sources/rows.ts';
import { whileBeating } from './beating.ts';
import type { BulkKind, ReadRow } from './bulk.ts';
import { endsTheRun, passes } from './failures.ts';

const ROWS_PER_CHUNK = 2_000;
/** Rows of megabytes make a chunk of their own: memory stays flat, and a text of COPY has its limits. */
const CHARACTERS_PER_CHUNK = 8_000_000;
const LOSERS_PER_CHUNK = 1_000;

/** A source, opened for reading from its start as often as needed. */
interface Content {
  readonly name: string;
  readonly format: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Field → column, as the caller or the run whose rows these are had it. */
  readonly map: Readonly<Record<string, string>>;
  open(): Promise<{ columns: readonly string[] | null; rows: AsyncIterable<SourceRow> }>;
}

export interface StagingDeps {
  readonly ledger: Ledger;
  readonly kinds: Readonly<Record<Kind, BulkKind>>;
  readonly sourceDir: string;
  /** Aborted when the worker is to stop: the next one goes on where this one was. */
  readonly draining: AbortSignal;
}

export function createStaging({ ledger, kinds, sourceDir, draining }: StagingDeps) {
  const contentOf = async (source: Source, goOn: GoOn): Promise<Content> => {
    if ('path' in source) return fileContent(sourceDir, source, goOn);
    if ('dataset' in source) return datasetContent(ledger, source);
    return retryContent(ledger, source.retryOf);
  };

  /** Between chunks: ends the activity when it was cancelled or its worker is to stop. */
  const goOn: GoOn = async () => {
    const { cancellationSignal, cancelled } = Context.current();
    if (cancellationSignal.aborted) await cancelled;
    if (draining.aborted) throw passes('WorkerDraining', 'the worker stops; another one goes on', 0);
  };

  return {
    /**
     * Reads the source into the ledger, row by row, by the rules of its kind. Repeatable: rows that are staged are
     * skipped, and a source that has changed in between ends the run.
     */
    stageRecords: (runId: string): Promise<void> => whileBeating(() => stageRecords(runId)),
  };

  async function stageRecords(runId: string): Promise<void> {
    const run = await ledger.runs.get(runId);
    const kind = kinds[run.kind as Kind];
    const content = await contentOf((run.input as { source: Source }).source, goOn);
    await claimContent(ledger, run, kind, content);
    if (run.total !== null) return;
    const { columns, rows } = await content.open();
    // First the reader: columns that it refuses may be a person, and are not kept.
    const read = kind.reader(run, columns, content.map);
    await ledger.runs.setSource(run.run_no, { ...describe(content), columns });
    await stageRows(ledger, run, rows, read, goOn).catch(async (error: unknown) => {
      // What is staged is of no content that there ever was: no later attempt may go on from it.
      if (error instanceof SourceChanged)
        await ledger.runs.setSource(run.run_no, { ...describe(content), sha256: 'changed', columns });
      throw error;
    });
    const losers = kind.duplicates(run, ledger.records.duplicateCandidates(run.run_no));
    for await (const chunk of inChunks(losers, { items: LOSERS_PER_CHUNK })) {
      await goOn();
      await ledger.records.settleDuplicates(run.run_no, chunk);
    }
    await ledger.records.finishStaging(run.run_no);
    await ledger.audit.add(runId, 'staged', { ...describe(content), name: undefined });
  }
}

type GoOn = () => Promise<void>;

const describe = ({ name, format, bytes, sha256 }: Content) => ({ name, format, bytes, sha256 });

/** The business key is ours, and the source is the one that we began with; or the run ends here. */
async function claimContent(ledger: Ledger, run: Run, kind: BulkKind, content: Content): Promise<void> {
  if (run.source !== null && run.source.sha256 !== content.sha256) {
    const message = `${content.name}: the source has changed since this run began; start a new run for the new content`;
    throw new SourceError('source_unreadable', message);
  }
  const key = businessKey(kind.stem, run.target, content.sha256, kind.options(run.input));
  const sameness = await ledger.runs.claimSameness(run.run_no, key);
  if (sameness.kind === 'mine') return;
  const message =
    `the same content went to ${run.target} with the same options before, in run ${sameness.by}. ` +
    'Nothing was written. To write it again, say so: "again": true (cxflow: --again)';
  throw endsTheRun('AlreadyRun', message);
}

async function stageRows(
  ledger: Ledger,
  run: Run,
  rows: AsyncIterable<SourceRow>,
  read: (fields: Readonly<Record<string, unknown>>) => ReadRow,
  goOn: GoOn,
): Promise<void> {
  let seq = 0;
  const limits = { items: ROWS_PER_CHUNK, weight: CHARACTERS_PER_CHUNK, weigh: charactersOf };
  for await (const chunk of inChunks(rows, limits)) {
    await goOn();
    const first = seq + 1;
    seq += chunk.length;
    if (seq <= run.staged_through) continue;
    await ledger.records.stage(
      run.run_no,
      chunk.map((row, i) => toRecord(first + i, row, read)),
    );
  }
}

function toRecord(
  seq: number,
  row: SourceRow,
  read: (fields: Readonly<Record<string, unknown>>) => ReadRow,
): StagedRecord {
  const fields = row.fields ?? { cxflow_raw: row.raw ?? '' };
  const result = row.broken ? { reasons: [row.broken] } : read(fields);
  const base = { seq, line: row.line, fields };
  if ('reasons' in result) return { ...base, record: null, key1: null, key2: null, reasons: result.reasons };
  return { ...base, record: result.record, key1: result.key1, key2: result.key2, reasons: null };
}

interface ChunkLimits<T> {
  readonly items: number;
  readonly weight?: number;
  readonly weigh?: (item: T) => number;
}

async function* inChunks<T>(
  items: AsyncIterable<T>,
  { items: most, weight: heaviest = Infinity, weigh = () => 0 }: ChunkLimits<T>,
): AsyncIterable<T[]> {
  let chunk: T[] = [];
  let weight = 0;
  for await (const item of items) {
    chunk.push(item);
    weight += weigh(item);
    if (chunk.length < most && weight < heaviest) continue;
    yield chunk;
    chunk = [];
    weight = 0;
  }
  if (chunk.length > 0) yield chunk;
}

/** About: what is nested is small, or a row of its own limit. */
function charactersOf({ fields, raw }: SourceRow): number {
  let characters = raw?.length ?? 0;
  for (const value of Object.values(fields ?? {}))
    characters +=
      typeof value === 'string' ? value.length : typeof value === 'object' ? NESTED_CHARACTERS : 8;
  return characters;
}

/** A nested value may be as long as its row; so few of them make a chunk. */
const NESTED_CHARACTERS = 4_000;

type PathSource = Extract<Source, { path: string }>;
type DatasetSource = Extract<Source, { dataset: string }>;

/** A file in the source folder, and nowhere else: any Temporal client may name it. */
async function fileContent(sourceDir: string, source: PathSource, goOn: GoOn): Promise<Content> {
  const { path, map = {} } = source;
  const file = await fileInside(sourceDir, path);
  const format = formatOf(path, source.format);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of readFileBytes(file, { name: path })) {
    hash.update(chunk);
    bytes += chunk.length;
    await goOn();
  }
  const sha256 = hash.digest('hex');
  const open = async () =>
    opened(await openSource(unchanged(readFileBytes(file, { name: path }), sha256, path), { name: path, format }));
  return { name: path, format, bytes, sha256, map, open };
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

class SourceChanged extends SourceError {}

/** The rows must be those of the content that the run was claimed for: somebody may write the file while we read it. */
async function* unchanged(bytes: AsyncIterable<Buffer>, sha256: string, name: string): AsyncIterable<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === sha256) return;
  throw new SourceChanged(
    'source_unreadable',
    `${name}: somebody changed it while it was read; nothing was written`,
  );
}

async function datasetContent(ledger: Ledger, { dataset: id, map = {} }: DatasetSource): Promise<Content> {
  const dataset = await ledger.datasets.find(id);
  if (!dataset)
    throw new SourceError(
      'source_missing',
      `dataset ${id} is not in the ledger; stage it through the client`,
    );
  const { name, format } = dataset;
  const open = async () =>
    opened(await openSource(ledger.datasets.read(id), { name, format: format as SourceFormat }));
  return { ...dataset, map, open };
}

function opened(source: Awaited<ReturnType<typeof openSource>>) {
  return { columns: source.columns, rows: source.rows() };
}

/** What an old run left undone (decisions.md 2): never what is in doubt, and the invalid only through a new file. */
const RETRIED = ['rejected', 'conflict', 'cancelled', 'pending'];

async function retryContent(ledger: Ledger, runId: string): Promise<Content> {
  const old = await ledger.runs.find(runId);
  if (!old)
    throw new SourceError(
      'source_missing',
      `run ${runId}, whose rows were to be retried, is not in the ledger`,
    );
  if (old.state === 'running') {
    throw new SourceError(
      'source_unreadable',
      `run ${runId} has not ended; cancel it, or wait for its end, then retry`,
    );
  }
  const rows = async function* (): AsyncIterable<SourceRow> {
    for await (const { line, fields, outcome } of ledger.records.list(old.run_no)) {
      if (RETRIED.includes(outcome) && !('cxflow_raw' in fields)) yield { line, fields };
    }
  };
  return {
    name: `retry of ${runId}`,
    format: old.source?.format ?? 'csv',
    bytes: 0,
    sha256: sha256(canonicalize({ retryOf: runId, source: old.source?.sha256 ?? null })),
    map: await mapOf(ledger, old),
    open: () => Promise.resolve({ columns: old.source?.columns ?? null, rows: rows() }),
  };
}

/** The rows are as the old run's source had them, so its names of columns hold; through any number of retries. */
async function mapOf(ledger: Ledger, run: Run): Promise<Readonly<Record<string, string>>> {
  const { source } = run.input as { source: Source };
  if (!('retryOf' in source)) return source.map ?? {};
  const older = await ledger.runs.find(source.retryOf);
  return older ? mapOf(ledger, older) : {};
}
