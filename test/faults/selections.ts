/** Starts selection updates, for the fault tests. */
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { type Stand, until } from './stand.ts';

export const CHANGE = { add: { targetListIds: ['M'] } };

export async function start(
  stand: Stand,
  campaignId: string,
  more: Partial<SelectionUpdateInput> = {},
): Promise<string> {
  const input = { campaignId, change: CHANGE, ...more } as SelectionUpdateInput;
  return (await stand.client().startSelectionUpdate(input)).runId;
}

export const completed = (stand: Stand, runId: string) =>
  until(
    () => stand.client().ledger.runs.get(runId),
    ({ state }) => state === 'completed',
  );
