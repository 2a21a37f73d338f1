/** The first steps of a bulk run: open it in the ledger, stage its rows, plan its batches. */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import type { Kind, Source } from '../contract.ts';
import { businessKey, canonicalize, sha256 } from '../ledger/business-key.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StagedRecord } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { SourceError } from '../sources/errors.ts';
import { readFileBytes } from '../sources/files.ts';
import { formatOf } from '../sources/format.ts';
import { openSource } from '../sources/open.ts';
import type { SourceRow } from '../sources/rows.ts';
import type { BulkKind, ReadRow } from './bulk.ts';
import { endsTheRun } from './failures.ts';

const ROWS_PER_CHUNK = 2_000;
const LOSERS_PER_CHUNK = 1_000;

/** A source, opened for reading from its start as often as needed. */
interface Content {
  readonly name: string;
  readonly format: string;
  readonly bytes: number;
  readonly sha256: string;
  open(): Promise<{ columns: readonly string[] | null; rows: AsyncIterable<SourceRow> }>;
}

export interface StagingDeps {
  readonly ledger: Ledger;
  readonly kinds: Readonly<Record<Kind, BulkKind>>;
  readonly sourceDir: string;
}

export function createStaging({ ledger, kinds, sourceDir }: StagingDeps) {
  const contentOf = async (source: Source): Promise<Content> => {
    if ('path' in source) return fileContent(sourceDir, source.path, source.format);
    if ('dataset' in source) return datasetContent(ledger, source.dataset);
    return retryContent(ledger, source.retryOf);
  };

  return {
    /**
     * Reads the source into the ledger, row by row, by the rules of its kind. Repeatable: rows that are staged are
     * skipped, and a source that has changed in between ends the run.
     */
    async stageRecords(runId: string): Promise<void> {
      const run = await ledger.runs.get(runId);
      const kind = kinds[run.kind as Kind];
      const content = await contentOf((run.input as { source: Source }).source);
      await claimContent(ledger, run, kind, content);
      if (run.total !== null) return;
      const { columns, rows } = await content.open();
      await ledger.runs.setSource(run.run_no, { ...describe(content), columns });
      await stageRows(ledger, run, rows, kind.reader(run, columns));
      for await (const chunk of inChunks(
        kind.duplicates(run, ledger.records.duplicateCandidates(run.run_no)),
        LOSERS_PER_CHUNK,
      )) {
        await ledger.records.settleDuplicates(run.run_no, chunk);
        heartbeat();
      }
      await ledger.records.finishStaging(run.run_no);
      await ledger.audit.add(runId, 'staged', { ...describe(content), name: undefined });
    },
  };
}

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
): Promise<void> {
  let seq = 0;
  for await (const chunk of inChunks(rows, ROWS_PER_CHUNK)) {
    const first = seq + 1;
    seq += chunk.length;
    heartbeat({ rows: seq });
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

async function* inChunks<T>(items: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** A file in the source folder, and nowhere else: any Temporal client may name it. */
async function fileContent(sourceDir: string, path: string, given?: string): Promise<Content> {
  const folder = await realpath(sourceDir);
  const wanted = resolve(folder, path);
  const file = await realpath(wanted).catch(() => wanted);
  const inside = relative(folder, file);
  if (inside.startsWith('..') || isAbsolute(inside)) {
    const message = `${path}: sources lie in the worker's source folder (CXFLOW_SOURCE_DIR), and this one does not`;
    throw new SourceError('source_missing', message);
  }
  const format = formatOf(path, given as never);
  const hash = createHash('sha256');
  for await (const chunk of readFileBytes(file)) {
    hash.update(chunk);
    heartbeat();
  }
  return {
    name: path,
    format,
    bytes: (await stat(file)).size,
    sha256: hash.digest('hex'),
    open: async () => opened(await openSource(readFileBytes(file), { name: path, format })),
  };
}

async function datasetContent(ledger: Ledger, id: string): Promise<Content> {
  const dataset = await ledger.datasets.find(id);
  if (!dataset)
    throw new SourceError(
      'source_missing',
      `dataset ${id} is not in the ledger; stage it through the client`,
    );
  const { name, format } = dataset;
  const open = async () =>
    opened(await openSource(ledger.datasets.read(id), { name, format: format as never }));
  return { ...dataset, open };
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
    open: () => Promise.resolve({ columns: old.source?.columns ?? null, rows: rows() }),
  };
}
