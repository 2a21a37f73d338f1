/** How much room a campaign has (docs/cxone-contract.md#campaign-lists). Pure. */
import { formatCount } from '../numbers.ts';

/** Of a campaign that states no maximum. */
const DEFAULT_CAPACITY = 1_000_000;

/** As CXone has it; null and undefined: not stated. */
interface CampaignSize {
  readonly currentListSize?: number | null;
  readonly maxListSize?: number | null;
  readonly listCapacity?: number | null;
}

export interface Capacity {
  readonly current: number;
  /** 0: full. */
  readonly max: number;
  /** What the plan should mention, as sentences. */
  readonly notes: readonly string[];
}

export function capacityOf({ currentListSize, maxListSize, listCapacity }: CampaignSize): Capacity {
  const max = maxListSize ?? listCapacity ?? null;
  return {
    current: currentListSize ?? 0,
    max: max ?? DEFAULT_CAPACITY,
    notes: [
      ...(typeof currentListSize === 'number'
        ? []
        : ['CXone does not state the current size of the campaign; it counts as 0']),
      ...(max === null
        ? [`CXone states no maximum for the campaign; it counts as ${formatCount(DEFAULT_CAPACITY)}`]
        : []),
    ],
  };
}
