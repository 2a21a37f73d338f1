/** List loads: the order of the posts, what the list has already, what CXone refuses or does not name. */
import { expect, it } from 'vitest';
import type { ListItem } from '../../src/cxone/lists.ts';
import { csv } from './contacts.ts';
import { type Lead, leadAt, leads, load, phoneOf, seededItem } from './leads.ts';
import { endOf, type Stand, useStand } from './stand.ts';

const onStand = useStand();

const SMALL_BATCHES = { env: { CXFLOW_LIST_ITEMS_PER_BATCH: '20', CXFLOW_LIST_INTERVAL_MS: '0' } };

const itemsOf = async ({ admin }: Stand, listId: string): Promise<ListItem[]> =>
  (await admin.itemJournal(listId)).filter(({ action }) => action === 'create').map(({ item }) => item);
const phonesOf = (items: readonly ListItem[]) =>
  items.map(({ deduplicationKeys }) => deduplicationKeys[0]?.value);

it('the best go first, batch by batch, whatever the order of the rows', async () => {
  await onStand(SMALL_BATCHES, async (stand) => {
    const rows = leads(1, 180);
    const first = await load(stand, 'L1', rows);
    expect(first).toMatchObject({ code: 0, document: { counts: { total: 180, created: 180 } } });
    const loaded = await itemsOf(stand, 'L1');
    const priorities = loaded.map(({ priority }) => priority);
    expect(priorities).toEqual(priorities.toSorted((a, b) => b - a));
    expect(new Set(priorities).size).toBeGreaterThan(5);
    await stand.conserved(first.document.runId, { result: first.document });

    // Ties are settled by the line, so rows are only exchanged with rows of another score: the worst come first.
    const priorityOf = new Map(phonesOf(loaded).map((phone, i) => [phone, priorities[i] ?? 0]));
    const scoreOf = ({ phone_number: phone }: Lead) => priorityOf.get(phone) ?? 0;
    const second = await load(
      stand,
      'L2',
      rows.toSorted((a, b) => scoreOf(a) - scoreOf(b)),
    );
    expect(phonesOf(await itemsOf(stand, 'L2'))).toEqual(phonesOf(loaded));
    await stand.conserved(second.document.runId, { result: second.document });
  });
});

it('of rows that share a key the best is loaded, whatever the order of the rows', async () => {
  await onStand({}, async (stand) => {
    const household = [
      leadAt(1, { engagement_rating: 'LOW' }),
      leadAt(2, { phone_number: phoneOf(1), engagement_rating: 'HIGH' }),
    ];
    for (const [list, rows] of [
      ['H1', household],
      ['H2', household.toReversed()],
    ] as const) {
      const { document } = await load(stand, list, rows);
      expect(document.counts).toEqual({ total: 2, pending: 0, created: 1, duplicate: 1 });
      const [item] = await itemsOf(stand, list);
      expect(item?.fields).toContainEqual({ name: 'contact_id', value: 'lead-2' });
      await stand.conserved(document.runId, { result: document });
    }
  });
});

it('a duplicate row claims nothing: in a chain the first and the third are loaded', async () => {
  await onStand({}, async (stand) => {
    const link = (n: number, score: number) => ({ ...leadAt(n), phone2: phoneOf(n + 1), score });
    const chain = [link(3, 10), link(2, 20), link(1, 30)];
    const options = ['--deduplicate-by', 'phone_number,phone2', '--score-column', 'score'];
    const { document } = await load(stand, 'CH', chain, ...options);
    expect(document.counts).toEqual({ total: 3, pending: 0, created: 2, duplicate: 1 });
    expect(phonesOf(await itemsOf(stand, 'CH'))).toEqual([phoneOf(1), phoneOf(3)]);
    await stand.conserved(document.runId, { result: document });
  });
});

it.each([
  ['named', []],
  ['not named', ['--naming', 'none']],
  ['named by a tenant that creates the others', ['--non-atomic']],
])('items that the list has are existing and stay as they are: %s', async (_, simulatorArgs) => {
  await onStand({ ...SMALL_BATCHES, simulatorArgs }, async (stand) => {
    const list = `E-${simulatorArgs.join('-')}`;
    await stand.admin.seedItems(list, [3, 4, 25, 47].map(seededItem));
    const { code, document } = await load(stand, list, leads(1, 50));
    expect(document.counts).toEqual({ total: 50, pending: 0, created: 46, existing: 4 });
    expect(document.metrics).toMatchObject({ successes: 50, conflicts: 4, failures: 0 });
    expect(code).toBe(0);
    await stand.conserved(document.runId, { result: document });
  });
});

it.each([
  ['named', []],
  ['not named', ['--naming', 'none']],
])(
  'items that CXone refuses are rejected, and the others of their batch are loaded: %s',
  async (_, naming) => {
    const blocked = [7, 30].flatMap((n) => ['--blocked-number', phoneOf(n)]);
    await onStand({ ...SMALL_BATCHES, simulatorArgs: [...naming, ...blocked] }, async (stand) => {
      const { code, document } = await load(stand, `R-${naming.length}`, leads(1, 50));
      expect(document.counts).toEqual({ total: 50, pending: 0, created: 48, rejected: 2 });
      expect(document.metrics).toMatchObject({ successes: 48, failures: 2 });
      expect(code).toBe(3);
      await stand.conserved(document.runId, { result: document });
    });
  },
);

const POST = { method: 'POST', family: 'lists' } as const;

it.each([
  ['answers that are lost', { answerLost: true }],
  ['answers that are cut off', { truncate: 'cut' }],
  ['answers that are half JSON', { truncate: true }],
  ['connections that break before anything is done', { reset: 'before' }],
  ['errors after everything is done', { status: 503, when: 'after' }],
  ['fewer created than sent, and nobody named', { dropRecords: 3 }],
  ['all created, but fewer reported', { underreport: 3 }],
] as const)('nobody is loaded twice and nobody is lost by %s', async (name, fault) => {
  // One answer that never comes takes a whole deadline.
  const times = 'answerLost' in fault ? 1 : 2;
  const faults = [{ match: POST, after: 1, times, fault }];
  await onStand({ ...SMALL_BATCHES, faults }, async (stand) => {
    const { document } = await load(stand, `F-${name.replaceAll(/\W/g, '-')}`, leads(1, 90));
    const { created = 0, existing = 0, ...others } = document.counts;
    expect({ loaded: created + existing, ...others }).toEqual({ loaded: 90, total: 90, pending: 0 });
    await stand.conserved(document.runId, { result: document });
  });
});

it('where a tenant does not refuse keys that it has, a batch without an answer is in doubt', async () => {
  const env = { ...SMALL_BATCHES.env, CXONE_LISTS_STRICT_UNIQUENESS: 'false' };
  const faults = [{ match: POST, after: 1, times: 1, fault: { reset: 'after' } }] as const;
  await onStand({ env, faults, simulatorArgs: ['--accept-duplicates'] }, async (stand) => {
    stand.file('leads.csv', csv(leads(1, 60)));
    const args = ['list', 'load', 'leads.csv', '--list', 'D1', '--campaign', 'C1', '--id', 'load-d1'];
    const terminal = stand.start(args);
    await terminal.waitFor(/resolve load-d1/);
    await stand.cxflow(['resolve', 'load-d1', '--leave']);
    expect(await endOf(terminal)).toMatchObject({ code: 3 });
    const counts = await stand.conserved('load-d1');
    expect(counts).toEqual({ total: 60, pending: 0, created: 40, in_doubt: 20 });
  });
});
