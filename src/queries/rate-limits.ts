/** What holds back the requests to CXone. */
import type { Ledger } from '../ledger/ledger.ts';
import type { RateBlock } from '../ledger/writes/rate-budget.ts';

export type { RateBlock, TenantBudget } from '../ledger/writes/rate-budget.ts';

/** The blocks in force, of every tenant in the ledger. */
export async function listRateBlocks({
  rateBudget,
}: {
  readonly rateBudget: Pick<Ledger['rateBudget'], 'list'>;
}): Promise<readonly RateBlock[]> {
  return (await rateBudget.list()).flatMap(({ block }) => block ?? []);
}
