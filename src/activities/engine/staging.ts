/** Stages the rows of a source: reads them into the ledger, checks each by the rules of its operation, finds duplicates. */
import { fatalFailure } from '../../contract/failures.ts';
import type { Source } from '../../contract/run.ts';
import { RAW_COLUMN } from '../../domain/columns.ts';
import type { Reason } from '../../domain/run.ts';
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../../domain/source-limits.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { businessKey } from '../../ledger/runs/business-key.ts';
import type { StagedRecord } from '../../ledger/runs/records.ts';
import { retriedRunId } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import { SourceChanged } from '../../sources/files.ts';
import type { SourceRow } from '../../sources/rows.ts';
import { inChunks } from './chunks.ts';
import type { BulkDefinition, FindsDuplicates, ReadRow, RowReader } from './definition.ts';
import type { Registry } from './registry.ts';
import { runInput } from './run-input.ts';
import { type Content, findContent } from './source.ts';
import { activityKey, takeOver } from './step.ts';
import { throwIfStopping } from './stopping.ts';

const ROWS_PER_CHUNK = 2_000;
/** Keeps memory flat when rows are megabytes long; PostgreSQL's COPY also limits the length of a value. */
const CHARACTERS_PER_CHUNK = 8_000_000;
const DUPLICATES_PER_CHUNK = 1_000;

export interface StagingDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly sourceDir: string | null;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
  /** Aborted when the worker is shutting down: the next one continues where this one stopped. */
  readonly draining: AbortSignal;
}

export function createStaging(deps: StagingDeps) {
  return {
    /** Repeatable: rows that are staged already are skipped. Fails if the source has changed since it was first read. */
    stageRecords: (runId: string): Promise<void> => stageRecords(deps, runId),
  };
}

async function stageRecords(deps: StagingDeps, runId: string): Promise<void> {
  const { ledger, registry, sourceDir, sourceLimits: limits = DEFAULT_SOURCE_LIMITS, draining } = deps;
  const run = await takeOver(ledger, runId);
  const definition = registry.bulk(run.kind);
  const { source } = run.input as { source: Source };
  // All rows are staged, and the dataset may have been deleted since, or the retried run purged. Neither changes, so its hash
  // is known.
  if (run.total !== null && run.source !== null && !('path' in source))
    return reserveContent(ledger, run, definition, run.source);
  const content = await findContent({ ledger, sourceDir, limits, draining }, source);
  await reserveContent(ledger, run, definition, content);
  if (run.total !== null) return;
  await stageContent(deps, run, definition, content);
  await definition.screen?.(run);
  await settleDuplicates(deps, run, definition);
  await definition.completeStaging?.(run);
  await ledger.records.finishStaging(run);
  const retryOf = retriedRunId(run) ?? undefined;
  const staged = { ...describe(content), name: undefined, retryOf };
  await ledger.audit.add(runId, 'staged', staged, activityKey());
}

async function stageContent(
  deps: StagingDeps,
  run: Run,
  definition: BulkDefinition,
  content: Content,
): Promise<void> {
  const { runs } = deps.ledger;
  const { sheet, columns, rows, close } = await content.open();
  const found = { ...describe(content), ...(sheet !== undefined && { sheet }), columns };
  try {
    // Before the columns are stored: if the reader refuses them, they may be a first row with personal data.
    const read = definition.createReader(run, columns, content.map);
    await runs.setSource(run, found);
    await stageRows(deps, run, rows, read);
  } catch (error) {
    // The staged rows belong to no version of the source, so no later attempt may continue with them.
    if (error instanceof SourceChanged) await runs.setSource(run, { ...found, sha256: 'changed' });
    throw error;
  } finally {
    await close();
  }
}

/** Also called when a run that is not planned yet may have lost a record that others are duplicates of. Repeatable. */
export async function settleDuplicates(
  { ledger, draining }: Pick<StagingDeps, 'ledger' | 'draining'>,
  run: Run,
  definition: FindsDuplicates,
): Promise<void> {
  const duplicateRows =
    definition.order === 'rank'
      ? definition.findDuplicates(run, ledger.records.listRankedCandidates(run.run_no))
      : definition.findDuplicates(run, ledger.records.listDuplicateCandidates(run.run_no));
  for await (const chunk of inChunks(duplicateRows, { items: DUPLICATES_PER_CHUNK })) {
    await throwIfStopping(draining);
    await ledger.records.settleStaged(
      run,
      chunk.map(({ seq, reason }) => ({ seq, outcome: 'duplicate', reasons: [reason] })),
    );
  }
}

function describe({ name, format, encoding, bytes, sha256 }: Content) {
  return { name, format, bytes, sha256, ...(encoding !== 'utf-8' && { encoding }) };
}

/** Reserves the business key. Throws if another run has it, or if the source is not the one with which this run began. */
async function reserveContent(
  ledger: Ledger,
  run: Run,
  { spec }: BulkDefinition,
  content: Pick<Content, 'name' | 'sha256'>,
): Promise<void> {
  if (run.source !== null && run.source.sha256 !== content.sha256) {
    const message = `${content.name} has changed since this run began; start a new run for the new content`;
    throw new SourceError('source_unreadable', message);
  }
  await throwIfContinuedElsewhere(ledger, run);
  const key = businessKey(spec.stem, run.target, content.sha256, spec.fingerprint(runInput(spec, run)));
  const reservation = await ledger.runs.reserveBusinessKey(run, key);
  if (reservation.kind === 'reserved') return throwIfContinuedElsewhere(ledger, run);
  const { by, isRunning } = reservation;
  const [what, advice] = isRunning
    ? [
        `run ${by} is under way with the same content for ${run.target}`,
        'Wait for it, or cancel it and start this one again when it has ended',
      ]
    : [
        `run ${by} has written the same content to ${run.target}`,
        'To write it again, set "again": true (cxflow: --again)',
      ];
  throw fatalFailure('AlreadyRun', `${what}. Nothing was written. ${advice}`);
}

/**
 * Throws if another run retries this run, or the run that this one retries: the same rows would be written twice. Checked
 * before and after the business key is reserved, so that of two runs that start together at least one sees the other.
 */
async function throwIfContinuedElsewhere(ledger: Ledger, run: Run): Promise<void> {
  const parent = retriedRunId(run);
  const [retry] = await ledger.retries.list(run.run_id);
  const siblings = parent === null || run.again || run.dry_run ? [] : await ledger.retries.list(parent);
  const sibling = siblings.find(
    ({ runId, target, state }) =>
      runId !== run.run_id && target === run.target && (state === 'running' || state === 'completed'),
  );
  const [retried, by] = retry ? [run.run_id, retry] : [parent, sibling];
  if (!by) return;
  const message = `what run ${retried} left undone was continued in run ${by.runId}. Nothing was written by this run`;
  throw fatalFailure('AlreadyRun', `${message}. If that run left anything undone, retry that one`);
}

async function stageRows(
  { ledger, draining }: StagingDeps,
  run: Run,
  rows: AsyncIterable<SourceRow>,
  read: RowReader,
): Promise<void> {
  let seq = 0;
  const limits = { items: ROWS_PER_CHUNK, weight: CHARACTERS_PER_CHUNK, weigh: countCharacters };
  for await (const chunk of inChunks(rows, limits)) {
    await throwIfStopping(draining);
    const first = seq + 1;
    seq += chunk.length;
    if (seq <= run.staged_through) continue;
    const records = chunk.map((row, i) => toRecord(first + i, row, read));
    // Before the rows, so that a crash loses no objection. A dry run changes nothing outside of itself.
    const objections = run.dry_run ? [] : records.flatMap((record) => record.objections);
    if (objections.length > 0) await ledger.suppressions.add(objections, run.run_no);
    await ledger.records.stage(
      run,
      records.map(({ staged }) => staged),
    );
  }
}

function toRecord(
  seq: number,
  row: SourceRow,
  read: RowReader,
): { readonly staged: StagedRecord; readonly objections: readonly Objection[] } {
  const fields = row.fields ?? row.shown ?? { [RAW_COLUMN]: row.raw ?? '' };
  const result: ReadRow = row.broken ? readBroken(row.broken, row, read) : read(fields);
  return {
    staged: toStagedRecord({ seq, line: row.line, fields }, result),
    objections: result.objections ?? [],
  };
}

/** An objection counts although its row holds what cannot be stored. */
function readBroken(broken: Reason, { legible }: SourceRow, read: RowReader): ReadRow {
  return { reasons: [broken], objections: legible ? (read(legible).objections ?? []) : [] };
}

function toStagedRecord(base: Pick<StagedRecord, 'seq' | 'line' | 'fields'>, result: ReadRow): StagedRecord {
  if ('reasons' in result) return { ...base, record: null, key1: null, key2: null, reasons: result.reasons };
  if ('rank' in result) {
    const { record, rank, keys } = result;
    return { ...base, record, key1: null, key2: null, reasons: null, rank, keys };
  }
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

/** Approximately: without quotes and commas. */
function countCharacters({ fields, shown, raw }: SourceRow): number {
  let characters = raw?.length ?? 0;
  for (const value of Object.values(fields ?? shown ?? {}))
    characters += typeof value === 'string' ? value.length : 8 + countNestedCharacters(value);
  return characters;
}

/** Recursion is safe, because the readers limit how deeply values are nested. */
function countNestedCharacters(value: unknown): number {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value.length : 0;
  return Object.entries(value).reduce(
    (sum, [key, each]) => sum + key.length + 8 + countNestedCharacters(each),
    0,
  );
}
