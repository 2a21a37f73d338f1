/** `preferences check FILE`: every row of a dataset asked about, and the answers kept by the number of the row. */
import { Context } from '@temporalio/activity';
import type { EligibilityListInput, EligibilityListResult } from '../../contract/consent.ts';
import {
  type EligibilityColumns,
  eligibilityMapProblems,
  readQuestion,
  resolveEligibilityColumns,
} from '../../domain/consent/eligibility-list.ts';
import { RULE_VERSION } from '../../domain/consent/eligibility.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { EligibilityResult } from '../../ledger/consent/eligibility-results.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { SourceError } from '../../sources/errors.ts';
import type { SourceFormat } from '../../sources/format.ts';
import { openSource } from '../../sources/open.ts';
import type { SourceRow } from '../../sources/rows.ts';
import { withHeartbeat } from '../engine/heartbeat.ts';
import { type ConsentDeps, createConsentCheck } from './eligibility.ts';
import { type Asking, createAsking } from './lookup.ts';
import { asError, isFinal, retryableFailure } from '../failures.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';

export interface EligibilityListDeps extends ConsentDeps {
  readonly ledger: Ledger;
  readonly rateLimiter: RateLimiter;
  readonly draining: AbortSignal;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
}

export interface CheckRows extends EligibilityListInput {
  /** The last pass. Fail closed: who has no answer even now is `consent_unavailable`. */
  readonly giveUp: boolean;
}

const ROWS_PER_CHUNK = 200;

interface NumberedRow {
  readonly seq: number;
  readonly row: SourceRow;
}

export function createEligibilityListActivities(deps: EligibilityListDeps) {
  const { ledger, draining, rateLimiter } = deps;
  const check = createConsentCheck(deps);
  return {
    /** Reads only, and keeps the first answer of each row: a repeat asks for those that have none. Returns counts. */
    checkRows: (input: CheckRows): Promise<EligibilityListResult> =>
      withHeartbeat(async () => {
        const checkId = checkIdHere();
        const policy = input.policy ?? 'default';
        const isAnswered = await ledger.eligibilityResults.answeredRows(checkId);
        const { columns, rows } = await openRows(deps, input);
        const asking = createAsking({ check, rateLimiter, policy, isLast: input.giveUp });
        const left: Error[] = [];
        for await (const chunk of chunksWithout(rows, isAnswered)) {
          if (Context.current().cancellationSignal.aborted) await Context.current().cancelled;
          if (draining.aborted)
            throw retryableFailure('WorkerDraining', 'the worker stops; another one goes on', 0);
          const { results, failures } = await askAll(chunk, asking, { ...input, columns });
          await ledger.eligibilityResults.add(checkId, results);
          const [over] = failures.filter((error) => asking.isOver(error)).sort(finalFirst);
          if (over !== undefined) throw over;
          left.push(...failures);
        }
        // All others have their answer; these are asked for again, and after some rounds gone without.
        const [without] = left;
        if (without) throw without;
        return {
          checkId,
          ...(await ledger.eligibilityResults.tally(checkId)),
          ruleVersion: RULE_VERSION,
          policy,
        };
      }),

    /** How many rows have their answer: whether trying again leads anywhere. */
    checkedThrough: (): Promise<number> => ledger.eligibilityResults.count(checkIdHere()),
  };
}

function checkIdHere(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}

async function openRows(
  { ledger, sourceLimits: limits }: EligibilityListDeps,
  { dataset: id, map = {}, channel }: CheckRows,
) {
  const dataset = await ledger.datasets.find(id);
  if (!dataset) throw new SourceError('source_missing', `dataset ${id} is not in the ledger; stage it first`);
  const format = dataset.format as SourceFormat;
  const source = await openSource(ledger.datasets.read(id), { name: dataset.name, format, limits });
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

async function* chunksWithout(
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

interface Reading extends CheckRows {
  readonly columns: EligibilityColumns | null;
}
type Verdict = Pick<EligibilityResult, 'eligible' | 'reason'>;

/** All at once; each answer is kept, whatever becomes of the row before it. */
async function askAll(chunk: readonly NumberedRow[], asking: Asking, reading: Reading) {
  const settled = await Promise.allSettled(chunk.map(({ row }) => verdictOf(row, asking, reading)));
  const results: EligibilityResult[] = [];
  const failures: Error[] = [];
  for (const [i, each] of settled.entries()) {
    const seq = chunk[i]?.seq ?? 0;
    if (each.status === 'fulfilled') results.push({ seq, ...each.value });
    else if (asking.isOwn(each.reason)) results.push({ seq, eligible: false, reason: 'consent_unavailable' });
    else failures.push(asError(each.reason));
  }
  return { results, failures };
}

async function verdictOf(row: SourceRow, { ask }: Asking, reading: Reading): Promise<Verdict> {
  if (row.fields === undefined) return { eligible: false, reason: row.broken?.code ?? 'row_unreadable' };
  const { columns, map = {}, channel } = reading;
  const read = readQuestion(row.fields, columns, { map, channel });
  if ('reason' in read) return { eligible: false, reason: read.reason };
  const { eligible, reason } = await ask(read.question);
  return { eligible, reason };
}

/** What ends the check is said before what passes. */
function finalFirst(a: unknown, b: unknown): number {
  const passing = (error: unknown): number => (isFinal(error) ? 0 : 1);
  return passing(a) - passing(b);
}
