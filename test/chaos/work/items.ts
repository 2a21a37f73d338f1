/** List loads under chaos: several lists of one campaign are filled at once. */
import { expect } from 'vitest';
import type { ListLoadInput } from '../../../src/contract/list-load.ts';
import type { Stand } from '../../faults/stand.ts';
import type { ListLoadPlan } from '../plan.ts';
import type { Ended, Work } from './work.ts';

const CAMPAIGN = 'chaos';
const listOf = (load: number): string => `L${load}`;
/** No number occurs in two loads. */
const numberOf = (load: number, n: number): string => `+1312${5_550_000 + 10_000 * load + n}`;

export async function startListLoads(stand: Stand, plan: ListLoadPlan, approval: boolean): Promise<Work> {
  const { loads, rows, suppressed, known, room } = plan;
  const numbers = Array.from({ length: loads }, (_, n) => n + 1);
  const wanted = loads * (rows.valid - suppressed);
  await stand.admin.seedCapacity(CAMPAIGN, {
    // What is in doubt may count twice, so more room than that is needed if nothing is to be cancelled.
    maxListSize: Math.ceil(loads * known + (room === 1 ? 2 : room) * wanted),
    lists: numbers.map(listOf),
  });
  const inputs: ListLoadInput[] = [];
  for (const load of numbers) inputs.push({ ...(await prepare(stand, plan, load)), approval });
  const start = async (input: ListLoadInput) => (await stand.client().startListLoad(input)).runId;
  const runIds = await Promise.all(inputs.map(start));
  const [first] = inputs;
  return {
    runIds,
    progress: async () => {
      const { currentListSize = 0 } = await stand.admin.campaignCapacity(CAMPAIGN);
      return (currentListSize - loads * known) / (room * wanted);
    },
    startAgain: first ? () => start(first) : null,
    check: (ended) => {
      for (const each of ended) expectRightCounts(plan, each);
      return Promise.resolve();
    },
  };
}

/** The first rows are suppressed; what CXone has already is among the others. */
async function prepare(stand: Stand, plan: ListLoadPlan, load: number): Promise<ListLoadInput> {
  const { rows, suppressed, known, onInDoubt } = plan;
  const valid = Array.from({ length: rows.valid }, (_, n) => rowAt(load, n));
  const invalid = Array.from({ length: rows.invalid }, () => ({ ...rowAt(load, 0), phone_number: '123' }));
  // As good as its winner, and further down.
  const duplicate = Array.from({ length: rows.duplicate }, (_, n) => rowAt(load, suppressed + n));
  await stand.admin.seedSuppressions({
    entries: Array.from({ length: suppressed }, (_, n) => ({ phoneNumber: numberOf(load, n) })),
  });
  const step = Math.max(1, Math.floor((rows.valid - suppressed) / Math.max(1, known)));
  const items = Array.from({ length: known }, (_, n) => itemOf(numberOf(load, suppressed + n * step)));
  await stand.admin.seedItems(listOf(load), items);
  const { source } = await stand.client().stageRows([...valid, ...invalid, ...duplicate]);
  return { listId: listOf(load), campaignId: CAMPAIGN, source, fit: true, onInDoubt };
}

const rowAt = (load: number, n: number) => ({
  phone_number: numberOf(load, n),
  last_contact_days: n % 120,
});

function itemOf(phoneNumber: string) {
  const field = { name: 'phone_number', value: phoneNumber };
  return { deduplicationKeys: [field], fields: [field], priority: 5 };
}

/** Everybody is loaded, unless suppressed, in doubt or without room. A cancelled run may not have staged all of its rows. */
function expectRightCounts(plan: ListLoadPlan, { state, counts, runId }: Ended): void {
  if (state === 'cancelled') return;
  const { valid, invalid, duplicate } = plan.rows;
  const { created = 0, existing = 0, suppressed = 0, cancelled = 0, in_doubt: inDoubt = 0 } = counts;
  expect(
    {
      settled: created + existing + suppressed + cancelled + inDoubt,
      ...{ suppressed, invalid: counts.invalid ?? 0, duplicate: counts.duplicate ?? 0 },
    },
    runId,
  ).toEqual({ settled: valid, suppressed: plan.suppressed, invalid, duplicate });
  if (plan.room === 1) expect(cancelled, `${runId}: cancelled, although there is room`).toBe(0);
  if (plan.duplicatesRefused)
    expect(inDoubt, 'in doubt, although a repetition shows what was applied').toBe(0);
}
