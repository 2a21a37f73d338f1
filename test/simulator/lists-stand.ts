/** A simulator for tests of campaign lists, and items for it. */
import type { ListItem } from '../../src/cxone/lists.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { startSimulator } from './stand.ts';

export const PATH = '/api/v2/lists/L1/items';
export const field = (name: string, value: string) => ({ name, value });
export const phone = (n: number) => field('phone_number', `+1415555${String(n).padStart(4, '0')}`);
export const item = (n: number, over: Partial<ListItem> = {}): ListItem => ({
  deduplicationKeys: [phone(n)],
  fields: [phone(n), field('plan', 'gold')],
  priority: 6,
  ...over,
});
export const items = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => item(from + index));

/** With clients that send items and tokens of this family. */
export async function startLists(options: SimulatorOptions = {}) {
  const sim = await startSimulator(options);
  const create = (listId: string, batch: readonly ListItem[]) =>
    sim.cxone.lists.createItems({ listId, items: { count: batch.length, json: JSON.stringify(batch) } });
  async function api(method: string, path: string, body?: unknown) {
    const headers = {
      authorization: `Bearer ${await sim.token('lists')}`,
      'content-type': 'application/json',
    };
    return sim.request(method, path, { headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }
  async function suppressions() {
    const entries: unknown[] = [];
    const outcome = await sim.cxone.lists.readSuppressions({
      onEntries: (some) => Promise.resolve(void entries.push(...some)),
    });
    return { ...outcome, entries };
  }
  const count = async (listId: string) => (await sim.admin.itemJournal(listId)).length;
  return { ...sim, create, api, suppressions, count };
}
