/** `preferences check FILE`: every row of a dataset asked about, and the answers kept by the number of the row. */
import { Context } from '@temporalio/activity';
import type { EligibilityListInput, EligibilityListResult } from '../contract.ts';
import { CxoneRateLimited } from '../cxone/errors.ts';
import {
  type EligibilityColumns,
  type Question,
  readQuestion,
  resolveEligibilityColumns,
} from '../domain/eligibility-list.ts';
import { type ConsentPolicy, RULE_VERSION } from '../domain/eligibility.ts';
import type { EligibilityResult } from '../ledger/eligibility-results.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { SourceError } from '../sources/errors.ts';
import type { SourceFormat } from '../sources/format.ts';
import { openSource } from '../sources/open.ts';
import type { SourceRow } from '../sources/rows.ts';
import { whileBeating } from './beating.ts';
import { type ConsentCheck, type ConsentDeps, createConsentCheck } from './consent.ts';
import { passes } from './failures.ts';
import { type Pace, RateWait } from './pace.ts';

export interface EligibilityListDeps extends ConsentDeps {
  readonly ledger: Ledger;
  readonly pace: Pace;
  readonly draining: AbortSignal;
}

export interface CheckRows extends EligibilityListInput {
  /** Fail closed: what has no answer yet is `consent_unavailable`. */
  readonly giveUp: boolean;
}

const ROWS_PER_CHUNK = 200;
const BACKOFF_MS = 5_000;

interface NumberedRow {
  readonly seq: number;
  readonly row: SourceRow;
}

export function createEligibilityListActivities(deps: EligibilityListDeps) {
  const { ledger, draining } = deps;
  const check = createConsentCheck(deps);
  return {
    /** Reads only, and keeps the first answer of each row: a repeat goes on behind the last one. Returns counts. */
    checkRows: (input: CheckRows): Promise<EligibilityListResult> =>
      whileBeating(async () => {
        const checkId = checkIdHere();
        const policy = input.policy ?? 'default';
        const through = await ledger.eligibilityResults.through(checkId);
        const { columns, rows } = await openRows(ledger, input);
        for await (const chunk of chunksAfter(rows, through)) {
          if (Context.current().cancellationSignal.aborted) await Context.current().cancelled;
          if (draining.aborted) throw passes('WorkerDraining', 'the worker stops; another one goes on', 0);
          const answer = answerOf(deps, check, { ...input, columns, policy });
          const { results, failure } = await inOrder(chunk, answer);
          await ledger.eligibilityResults.add(checkId, results);
          if (failure !== null) throw failure.error;
        }
        return {
          checkId,
          ...(await ledger.eligibilityResults.tally(checkId)),
          ruleVersion: RULE_VERSION,
          policy,
        };
      }),

    /** How far a check has come: whether trying again leads anywhere. */
    checkedThrough: (): Promise<number> => ledger.eligibilityResults.through(checkIdHere()),
  };
}

function checkIdHere(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}

async function openRows(ledger: Ledger, { dataset: id, map = {}, channel }: CheckRows) {
  const dataset = await ledger.datasets.find(id);
  if (!dataset) throw new SourceError('source_missing', `dataset ${id} is not in the ledger; stage it first`);
  const format = dataset.format as SourceFormat;
  const source = await openSource(ledger.datasets.read(id), { name: dataset.name, format });
  if (source.columns === null) return { columns: null, rows: source.rows() };
  const resolved = resolveEligibilityColumns(source.columns, map, {
    hasChannel: channel !== undefined,
    audience: 'history',
  });
  if ('columns' in resolved) return { columns: resolved.columns, rows: source.rows() };
  await source.close();
  throw new SourceError('source_unreadable', resolved.problems.join(' '));
}

async function* chunksAfter(rows: AsyncIterable<SourceRow>, through: number): AsyncIterable<NumberedRow[]> {
  let seq = 0;
  let chunk: NumberedRow[] = [];
  for await (const row of rows) {
    seq += 1;
    if (seq > through) chunk.push({ seq, row });
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

interface Asking extends CheckRows {
  readonly columns: EligibilityColumns | null;
  readonly policy: ConsentPolicy;
}
type Verdict = Pick<EligibilityResult, 'eligible' | 'reason'>;

function answerOf({ pace }: EligibilityListDeps, check: ConsentCheck, asking: Asking) {
  const { policy, giveUp, map = {}, channel } = asking;
  const ask = async (question: Question): Promise<Verdict> => {
    const atHome = (await check.askAtHome([question], policy)).get(question);
    if (atHome) return atHome;
    if (giveUp) return check.notToBeHad(question, policy);
    return pace.inSlot(async () => {
      await pace.turn();
      const blockedMs = await pace.blockedMs();
      if (blockedMs > 0) throw new RateWait(blockedMs);
      return check.askCxone(question, policy).catch(async (error: unknown) => {
        if (error instanceof CxoneRateLimited) await pace.block(error.retryAfterMs ?? BACKOFF_MS);
        throw error;
      });
    });
  };
  return async ({ row }: NumberedRow): Promise<Verdict> => {
    if (row.fields === undefined) return { eligible: false, reason: row.broken?.code ?? 'row_unreadable' };
    const read = readQuestion(row.fields, asking.columns, { map, channel });
    return 'reason' in read ? { eligible: false, reason: read.reason } : ask(read.question);
  };
}

/** All at once; what is kept are the answers before the first failure, so that a repeat goes on right there. */
async function inOrder(chunk: readonly NumberedRow[], answer: (row: NumberedRow) => Promise<Verdict>) {
  const settled = await Promise.allSettled(chunk.map(answer));
  const results: EligibilityResult[] = [];
  for (const [i, each] of settled.entries()) {
    if (each.status === 'rejected') return { results, failure: { error: each.reason as unknown } };
    const { eligible, reason } = each.value;
    results.push({ seq: chunk[i]?.seq ?? 0, eligible, reason });
  }
  return { results, failure: null };
}
