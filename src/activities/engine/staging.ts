/** The first steps of a bulk run: open it in the ledger, stage its rows, plan its batches. */
import { Context } from '@temporalio/activity';
import type { CommonInput, Source } from '../../contract/run.ts';
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../../domain/source-limits.ts';
import { businessKey } from '../../ledger/runs/business-key.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { StagedRecord } from '../../ledger/runs/records.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import { SourceChanged } from '../../sources/files.ts';
import type { SourceRow } from '../../sources/rows.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { BulkDefinition, ReadRow, RowReader } from './definition.ts';
import type { Registry } from './registry.ts';
import { type Content, createContents } from './source.ts';
import { fatalFailure, retryableFailure } from '../failures.ts';

const ROWS_PER_CHUNK = 2_000;
/** Rows of megabytes make a chunk of their own: memory stays flat, and a text of COPY has its limits. */
const CHARACTERS_PER_CHUNK = 8_000_000;
const LOSERS_PER_CHUNK = 1_000;

export interface StagingDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly sourceDir: string;
  readonly sourceLimits?: SourceLimits;
  /** Aborted when the worker is to stop: the next one goes on where this one was. */
  readonly draining: AbortSignal;
}

export function createStaging({ ledger, registry, sourceDir, sourceLimits, draining }: StagingDeps) {
  /** Between chunks: ends the activity when it was cancelled or its worker is to stop. */
  const goOn: GoOn = async () => {
    const { cancellationSignal, cancelled } = Context.current();
    if (cancellationSignal.aborted) await cancelled;
    if (draining.aborted)
      throw retryableFailure('WorkerDraining', 'the worker stops; another one goes on', 0);
  };
  const contentOf = createContents({
    ledger,
    sourceDir,
    limits: sourceLimits ?? DEFAULT_SOURCE_LIMITS,
    goOn,
  });

  return {
    /**
     * Reads the source into the ledger, row by row, by the rules of its kind. Repeatable: rows that are staged are
     * skipped, and a source that has changed in between ends the run.
     */
    stageRecords: (runId: string): Promise<void> => withHeartbeat(() => stageRecords(runId)),
  };

  async function stageRecords(runId: string): Promise<void> {
    const run = await ledger.runs.get(runId);
    const definition = registry.bulk(run.kind);
    const { source } = run.input as { source: Source };
    // Read to its end: the rows are here, and an erasure may have deleted the dataset since. Its id says its content.
    if (run.total !== null && run.source !== null && 'dataset' in source)
      return claimContent(ledger, run, definition, run.source);
    const content = await contentOf(source);
    await claimContent(ledger, run, definition, content);
    if (run.total !== null) return;
    await stageContent(run, definition, content);
    const duplicateRows = definition.findDuplicates(run, ledger.records.listDuplicateCandidates(run.run_no));
    for await (const chunk of inChunks(duplicateRows, { items: LOSERS_PER_CHUNK })) {
      await goOn();
      await ledger.records.settleDuplicates(run.run_no, chunk);
    }
    await ledger.records.finishStaging(run.run_no);
    const retryOf = retriedRunId(run) ?? undefined;
    await ledger.audit.add(runId, 'staged', { ...describe(content), name: undefined, retryOf });
  }

  async function stageContent(run: Run, definition: BulkDefinition, content: Content): Promise<void> {
    const { columns, rows, close } = await content.open();
    try {
      // First the reader: columns that it refuses may be a person, and are not kept.
      const read = definition.createReader(run, columns, content.map);
      await ledger.runs.setSource(run.run_no, { ...describe(content), columns });
      await stageRows(ledger, run, rows, read, goOn);
    } catch (error) {
      // What is staged is of no content that there ever was: no later attempt may go on from it.
      if (error instanceof SourceChanged)
        await ledger.runs.setSource(run.run_no, { ...describe(content), sha256: 'changed', columns });
      throw error;
    } finally {
      await close();
    }
  }
}

type GoOn = () => Promise<void>;

function describe({ name, format, encoding, bytes, sha256 }: Content) {
  return { name, format, bytes, sha256, ...(encoding !== 'utf-8' && { encoding }) };
}

/** The business key is ours, and the source is the one that we began with; or the run ends here. */
async function claimContent(
  ledger: Ledger,
  run: Run,
  { spec }: BulkDefinition,
  content: Pick<Content, 'name' | 'sha256'>,
): Promise<void> {
  if (run.source !== null && run.source.sha256 !== content.sha256) {
    const message = `${content.name}: the source has changed since this run began; start a new run for the new content`;
    throw new SourceError('source_unreadable', message);
  }
  await refuseTakenUp(ledger, run);
  const key = businessKey(spec.stem, run.target, content.sha256, spec.fingerprint(run.input as CommonInput));
  const reservation = await ledger.runs.reserveBusinessKey(run.run_no, key);
  if (reservation.kind === 'reserved') return refuseTakenUp(ledger, run);
  const message =
    `the same content went to ${run.target} with the same options before, in run ${reservation.by}. ` +
    'Nothing was written. To write it again, say so: "again": true (cxflow: --again)';
  throw fatalFailure('AlreadyRun', message);
}

/**
 * Rows of this run, or of the run that it retries, that another run has taken up: written here too, they would go out
 * twice. Looked at after the claim too, so that of two that begin at the same moment at least one sees the other.
 */
async function refuseTakenUp(ledger: Ledger, run: Run): Promise<void> {
  const parent = retriedRunId(run);
  const [heir] = await ledger.retries.list(run.run_id);
  const siblings = parent === null || run.again || run.dry_run ? [] : await ledger.retries.list(parent);
  const sibling = siblings.find(
    ({ runId, target, state }) =>
      runId !== run.run_id && target === run.target && (state === 'running' || state === 'completed'),
  );
  const [what, by] = heir ? [run.run_id, heir] : [parent, sibling];
  if (!by) return;
  const message = `what run ${what} left undone went on in run ${by.runId}. Nothing was written here`;
  throw fatalFailure('AlreadyRun', `${message}; retry that one, if it left something too`);
}

async function stageRows(
  ledger: Ledger,
  run: Run,
  rows: AsyncIterable<SourceRow>,
  read: RowReader,
  goOn: GoOn,
): Promise<void> {
  let seq = 0;
  const limits = { items: ROWS_PER_CHUNK, weight: CHARACTERS_PER_CHUNK, weigh: charactersOf };
  for await (const chunk of inChunks(rows, limits)) {
    await goOn();
    const first = seq + 1;
    seq += chunk.length;
    if (seq <= run.staged_through) continue;
    const rows = chunk.map((row, i) => toRecord(first + i, row, read));
    // First, so that none is lost between the two; a rehearsal changes nothing but itself.
    const objections = run.dry_run ? [] : rows.flatMap(({ objection }) => objection ?? []);
    if (objections.length > 0) await ledger.suppressions.add(objections, run.run_no);
    await ledger.records.stage(
      run.run_no,
      rows.map(({ staged }) => staged),
    );
  }
}

function toRecord(
  seq: number,
  row: SourceRow,
  read: RowReader,
): { readonly staged: StagedRecord; readonly objection: Objection | undefined } {
  const fields = row.fields ?? { cxflow_raw: row.raw ?? '' };
  const result: ReadRow = row.broken ? { reasons: [row.broken] } : read(fields);
  return { staged: stagedOf({ seq, line: row.line, fields }, result), objection: result.objection };
}

function stagedOf(base: Pick<StagedRecord, 'seq' | 'line' | 'fields'>, result: ReadRow): StagedRecord {
  if ('reasons' in result) return { ...base, record: null, key1: null, key2: null, reasons: result.reasons };
  const { record, key1, key2, settled } = result;
  return {
    ...base,
    record,
    key1,
    key2,
    reasons: settled?.reasons ?? null,
    outcome: settled?.outcome ?? null,
  };
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

/** Without the quotes and commas between them. */
function charactersOf({ fields, raw }: SourceRow): number {
  let characters = raw?.length ?? 0;
  for (const value of Object.values(fields ?? {}))
    characters += typeof value === 'string' ? value.length : 8 + nestedCharacters(value);
  return characters;
}

/** The readers let nothing through that is too deep for a recursion. */
function nestedCharacters(value: unknown): number {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value.length : 0;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + 8 + nestedCharacters(each), 0);
}
