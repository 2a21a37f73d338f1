/** The scores of the records of a list load, and what they are made of. */
import { itemRules, type ListLoadInput } from '../../contract/list-load.ts';
import type { Source } from '../../contract/run.ts';
import { matchListKeys } from '../../domain/list-load/columns.ts';
import { readItem } from '../../domain/list-load/read-item.ts';
import type { Ledger } from '../../ledger/ledger.ts';
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
  const map = await findMap(ledger, run);
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

/** Rows of a retry keep the column names of the original source, through any number of retries. */
async function findMap(ledger: Pick<Ledger, 'runs'>, run: Run): Promise<Readonly<Record<string, string>>> {
  const { source } = run.input as { readonly source: Source };
  if (!('retryOf' in source)) return source.map ?? {};
  const older = await ledger.runs.find(source.retryOf);
  return older ? findMap(ledger, older) : {};
}
