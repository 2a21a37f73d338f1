/** The scores of the records of a list load, and what they are made of. */
import { itemRules, type ListLoadInput } from '../../contract/list-load.ts';
import { matchListKeys } from '../../domain/list-load/columns.ts';
import { readItem } from '../../domain/list-load/read-item.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { findColumnMap } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Explanation } from '../../queries/record-files.ts';

const SCORE = 'cxflow_score';
const COMPONENTS = 'cxflow_score_components';

/**
 * Scores are computed again from the row and the rules of the run, which are part of its input: they cannot have changed. Invalid
 * rows have none.
 */
export async function explainScores(ledger: Pick<Ledger, 'runs'>, run: Run): Promise<Explanation> {
  const rules = itemRules(run.input as ListLoadInput);
  const map = await findColumnMap(ledger.runs, run);
  const header = run.source?.columns ?? null;
  const columns = header && matchListKeys(header, map);
  return {
    columns: [SCORE, COMPONENTS],
    valuesOf(fields) {
      const read = readItem(fields, columns, rules, map);
      if ('reasons' in read) return {};
      const { score, components } = read.score;
      const text = components.map(({ what, add }) => (add === 0 ? what : `${what} ${withSign(add)}`));
      return { [SCORE]: score, [COMPONENTS]: text.join('; ') };
    },
  };
}

const withSign = (add: number): string => (add < 0 ? `${add}` : `+${add}`);
