/** `preferences check FILE`: checks every row of a dataset and keeps the results by row number. */
import { Context } from '@temporalio/activity';
import type { EligibilityListInput, EligibilityListResult } from '../../contract/consent.ts';
import { RULE_VERSION } from '../../domain/consent/eligibility.ts';
import {
  type EligibilityColumns,
  eligibilityMapProblems,
  readQuestion,
  resolveEligibilityColumns,
} from '../../domain/consent/eligibility-list.ts';
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../../domain/source-limits.ts';
import type { EligibilityResult } from '../../ledger/consent/eligibility-results.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { SourceError } from '../../sources/errors.ts';
import type { SourceRow } from '../../sources/rows.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import { openDataset, requireDataset } from '../engine/source.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { asError, isFinal } from '../failures.ts';
import { type ConsentDeps, createConsentCheck } from './eligibility.ts';
import { LookupPass } from './lookup-pass.ts';

export interface EligibilityListDeps extends ConsentDeps {
  readonly ledger: Ledger;
  readonly rateLimiter: RateLimiter;
  /** Aborted when the worker is shutting down. */
  readonly draining: AbortSignal;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
}

export interface CheckRows extends EligibilityListInput {
  /** The last pass: a row that still gets no answer becomes `consent_unavailable` (fail closed). */
  readonly isLastPass: boolean;
}

const ROWS_PER_CHUNK = 200;

interface NumberedRow {
  readonly seq: number;
  readonly row: SourceRow;
}

export function createEligibilityListActivities(deps: EligibilityListDeps) {
  const { ledger } = deps;
  return {
    /**
     * Checks the rows that have no result yet, and returns the counts of all. Repeatable: it writes nothing to CXone, and a
     * row keeps its first result.
     */
    async checkRows(input: CheckRows): Promise<EligibilityListResult> {
      const checkId = currentCheckId();
      const policy = input.policy ?? 'default';
      await checkUnansweredRows(deps, checkId, input);
      const tally = await ledger.eligibilityResults.tally(checkId);
      return { checkId, ...tally, ruleVersion: RULE_VERSION, policy };
    },

    /** How many rows have a result: shows whether a further round of attempts makes progress. */
    countCheckedRows: (): Promise<number> => ledger.eligibilityResults.count(currentCheckId()),
  };
}

function currentCheckId(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}

/** Throws if any row is left without a result, once all others have theirs; the next attempt looks those up again. */
async function checkUnansweredRows(
  deps: EligibilityListDeps,
  checkId: string,
  input: CheckRows,
): Promise<void> {
  const { ledger, rateLimiter } = deps;
  const { policy = 'default', isLastPass } = input;
  const pass = new LookupPass({ check: createConsentCheck(deps), rateLimiter, policy, isLastPass });
  const isAnswered = await ledger.eligibilityResults.answeredRows(checkId);
  const { columns, rows } = await openRows(deps, input);
  const unanswered: Error[] = [];
  for await (const chunk of chunkUnanswered(rows, isAnswered)) {
    await throwIfStopping(deps.draining);
    const { results, failures } = await checkChunk(chunk, pass, { ...input, columns });
    await ledger.eligibilityResults.add(checkId, results);
    const [fatal] = failures.filter((error) => pass.endsPass(error)).sort(finalFirst);
    if (fatal !== undefined) throw fatal;
    unanswered.push(...failures);
  }
  const [failure] = unanswered;
  if (failure) throw failure;
}

async function openRows(
  { ledger, sourceLimits: limits = DEFAULT_SOURCE_LIMITS }: EligibilityListDeps,
  { dataset: id, map = {}, channel }: CheckRows,
) {
  const source = await openDataset(ledger, await requireDataset(ledger, id, limits), limits);
  const { columns } = source;
  const resolved = columns
    ? resolveEligibilityColumns(columns, map, { hasChannel: channel !== undefined, audience: 'history' })
    : { columns: null };
  const problems = 'problems' in resolved ? resolved.problems : columns ? [] : eligibilityMapProblems(map);
  if ('columns' in resolved && problems.length === 0)
    return { columns: resolved.columns, rows: source.rows() };
  await source.close();
  throw new SourceError('source_unreadable', problems.join(' '));
}

async function* chunkUnanswered(
  rows: AsyncIterable<SourceRow>,
  isAnswered: (seq: number) => boolean,
): AsyncIterable<NumberedRow[]> {
  let seq = 0;
  let chunk: NumberedRow[] = [];
  for await (const row of rows) {
    seq += 1;
    if (!isAnswered(seq)) chunk.push({ seq, row });
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

interface RowOptions extends CheckRows {
  readonly columns: EligibilityColumns | null;
}
type RowResult = Pick<EligibilityResult, 'eligible' | 'reason'>;

/** Checks all rows in parallel; the failure of one does not affect the results of the others. */
async function checkChunk(chunk: readonly NumberedRow[], pass: LookupPass, options: RowOptions) {
  const settled = await Promise.allSettled(chunk.map(({ row }) => checkRow(row, pass, options)));
  const results: EligibilityResult[] = [];
  const failures: Error[] = [];
  for (const [i, each] of settled.entries()) {
    const seq = chunk[i]?.seq ?? 0;
    if (each.status === 'fulfilled') results.push({ seq, ...each.value });
    else if (pass.concernsContact(each.reason))
      results.push({ seq, eligible: false, reason: 'consent_unavailable' });
    else failures.push(asError(each.reason));
  }
  return { results, failures };
}

async function checkRow(row: SourceRow, pass: LookupPass, options: RowOptions): Promise<RowResult> {
  if (row.fields === undefined) return { eligible: false, reason: row.broken?.code ?? 'row_unreadable' };
  const { columns, map = {}, channel } = options;
  const read = readQuestion(row.fields, columns, { map, channel });
  if ('reason' in read) return { eligible: false, reason: read.reason };
  const { eligible, reason } = await pass.ask(read.question);
  return { eligible, reason };
}

/** Errors that end the check come before those that are worth retrying. */
function finalFirst(a: unknown, b: unknown): number {
  const rank = (error: unknown): number => (isFinal(error) ? 0 : 1);
  return rank(a) - rank(b);
}
