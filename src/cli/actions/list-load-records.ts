/** What the records of a list load were ranked by, and when the pending ones may be called. */
import { itemRules, type ListLoadInput } from '../../contract/list-load.ts';
import { type CallAnswer, createCallCheck } from '../../domain/list-load/callable.ts';
import { matchListKeys } from '../../domain/list-load/columns.ts';
import { OUTSIDE_CALLING_HOURS } from '../../domain/list-load/hours-codes.ts';
import { readItem } from '../../domain/list-load/read-item.ts';
import type { Score } from '../../domain/list-load/scoring.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { findColumnMap } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { describeReason, type Explanation } from '../../queries/record-files.ts';

const SCORE = 'cxflow_score';
const COMPONENTS = 'cxflow_score_components';
const NOT_BEFORE = 'cxflow_not_before';
const WAIT_REASON = 'cxflow_wait_reason';

/**
 * Items are read again from the row and the rules of the run, which are part of its input: their scores cannot have changed. When
 * somebody may be called is as of now, by the clock of the ledger. Invalid rows have none of this.
 */
export async function explainItems(ledger: Pick<Ledger, 'runs' | 'now'>, run: Run): Promise<Explanation> {
  const input = run.input as ListLoadInput;
  const rules = itemRules(input);
  const map = await findColumnMap(ledger.runs, run);
  const header = run.source?.columns ?? null;
  const columns = header && matchListKeys(header, map);
  const check = input.callingHours && createCallCheck(input.callingHours, await ledger.now());
  return {
    columns: [SCORE, COMPONENTS, ...(check ? [NOT_BEFORE, WAIT_REASON] : [])],
    valuesOf({ fields, outcome }) {
      const read = readItem(fields, columns, rules, map);
      if ('reasons' in read) return {};
      const isWaiting = check !== undefined && outcome === 'pending';
      return { ...explainScore(read.score), ...(isWaiting && explainWait(check(read.item))) };
    },
  };
}

function explainScore({ score, components }: Score) {
  const text = components.map(({ what, add }) => (add === 0 ? what : `${what} ${withSign(add)}`));
  return { [SCORE]: score, [COMPONENTS]: text.join('; ') };
}

const withSign = (add: number): string => (add < 0 ? `${add}` : `+${add}`);

function explainWait(answer: CallAnswer): Readonly<Record<string, string>> {
  if (answer.kind === 'callable') return {};
  if (answer.kind === 'unknown') return { [WAIT_REASON]: describeReason(answer.reason) };
  return { [NOT_BEFORE]: answer.at, [WAIT_REASON]: OUTSIDE_CALLING_HOURS };
}
