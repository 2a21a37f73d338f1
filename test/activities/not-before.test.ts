/** A gate may leave records for later: they are not tried before their time, and the workflow learns when that is. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { ConsentGate } from '../../src/activities/engine/write-definition.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { defineCallbackRequest } from '../extension/activities.ts';
import { until } from '../harness/wait.ts';
import { ledgerOfFile, openRun, record, upTo, writesOf } from '../ledger/harness.ts';
import { allBatches, type CxoneHooks, createWorker, fakeCxone, lostAnswer, runActivity } from './harness.ts';

const opened = ledgerOfFile();
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const suppressed = { outcome: 'suppressed', reasons: [{ code: 'suppressed' }] } as const;

/** By seq: not before this moment, or withheld. */
type Held = Readonly<Record<number, string | null>>;

function gateOf(held: () => Held): ConsentGate {
  return ({ seqs }) => {
    const concerned = seqs.flatMap((seq) => {
      const at = held()[seq];
      return at === undefined ? [] : [{ seq, at }];
    });
    return Promise.resolve({
      withheld: new Map(
        concerned.flatMap(({ seq, at }) => (at === null ? [[seq, suppressed] as const] : [])),
      ),
      notBefore: new Map(concerned.flatMap(({ seq, at }) => (at === null ? [] : [[seq, at] as const]))),
    });
  };
}

/** A run of the example operation with `n` records in one batch. */
async function start(n: number, gate: ConsentGate, hooks: CxoneHooks = {}) {
  const { ledger } = opened();
  const { cxone, posts } = fakeCxone(hooks);
  const worker = createWorker(ledger, cxone, {
    operations: {
      callbackRequest: (deps) => {
        const { definition } = defineCallbackRequest(deps);
        const writes = Object.entries(definition.writes).map(([kind, write]) => [kind, { ...write, gate }]);
        return {
          definition: { ...definition, writes: Object.fromEntries(writes) as typeof definition.writes },
        };
      },
    },
  });
  const run = await openRun(ledger, {
    kind: 'callbackRequest',
    input: { listId: 'L1', source: { dataset: 'd' } },
  });
  await ledger.records.stage(
    run.run_no,
    upTo(n).map((seq) => record(seq)),
  );
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', n);
  const pass = () => runActivity(() => worker.activities.writePage(allBatches(run)));
  return { run, posts, pass };
}

const countExactly = ({ run_no }: Run) => opened().ledger.runs.exactCounts(run_no);

it('the others are sent, and the page says when the first of them may be tried', async () => {
  const [soon, later] = [inMs(3_600_000), inMs(7_200_000)];
  const { run, posts, pass } = await start(
    4,
    gateOf(() => ({ 1: later, 2: null, 3: soon })),
  );
  expect(await pass()).toMatchObject({ left: 0, notBefore: soon, counts: { pending: 2 } });
  expect(posts).toEqual([['c4']]);
  expect(await countExactly(run)).toMatchObject({ pending: 2, created: 1, suppressed: 1 });
  // Nothing is tried before.
  const before = await writesOf(opened().ledger, run);
  expect(await pass()).toMatchObject({ left: 0, notBefore: soon });
  expect(await writesOf(opened().ledger, run)).toEqual(before);
});

it('the gate is asked again when their time has come', async () => {
  const later = inMs(3_600_000);
  let held: Held = { 1: later, 2: later, 3: later };
  const { run, posts, pass } = await start(
    3,
    gateOf(() => held),
  );
  await pass();
  held = { 2: null };
  await sql`update writes set refs = '{"notBefore": "2020-01-01T00:00:00Z"}'
    where run_no = ${run.run_no} and state = 'planned'`.execute(opened().database.db);
  await until(pass, ({ counts }) => counts.pending === 0);
  expect(posts).toEqual([['c1', 'c3']]);
  expect(await countExactly(run)).toMatchObject({ pending: 0, created: 2, suppressed: 1 });
});

it('they keep in mind that an answer was lost', async () => {
  let held: Held = {};
  const hooks: CxoneHooks = {
    after: (n) => {
      if (n > 1) return;
      held = { 1: null, 2: inMs(3_600_000) };
      throw lostAnswer();
    },
  };
  const { run, posts, pass } = await start(
    3,
    gateOf(() => held),
    hooks,
  );
  await pass().catch(() => undefined);
  expect(await pass()).toMatchObject({ left: 0, counts: { pending: 1 } });
  // CXone has them all. It says so of the third; nobody asks about the first.
  expect(posts).toEqual([['c1', 'c2', 'c3'], ['c3']]);
  expect(await countExactly(run)).toMatchObject({ pending: 1, in_doubt: 1, existing: 1 });
});

it('nobody waits for somebody who is withheld anyway, also after a lost answer', async () => {
  let isAlsoWithheld = false;
  const hooks: CxoneHooks = {
    after: (n) => {
      if (n > 1) return;
      isAlsoWithheld = true;
      throw lostAnswer();
    },
  };
  const gate: ConsentGate = () =>
    Promise.resolve({
      withheld: new Map(isAlsoWithheld ? [[1, suppressed] as const] : []),
      notBefore: new Map(isAlsoWithheld ? [[1, inMs(3_600_000)] as const] : []),
    });
  const { run, posts, pass } = await start(2, gate, hooks);
  await pass().catch(() => undefined);
  expect(await pass()).toMatchObject({ left: 0, counts: { pending: 0 } });
  expect(posts).toEqual([['c1', 'c2'], ['c2']]);
  expect(await countExactly(run)).toMatchObject({ pending: 0, in_doubt: 1, existing: 1 });
});

it('who is withheld and was never sent is not in doubt after a lost answer', async () => {
  const rejected = {
    outcome: 'rejected',
    reasons: [{ code: 'time_zone_unknown' }],
    isNeverSent: true,
  } as const;
  let withheld = new Map<number, typeof rejected>();
  const hooks: CxoneHooks = {
    after: (n) => {
      if (n > 1) return;
      withheld = new Map([[1, rejected]]);
      throw lostAnswer();
    },
  };
  const { run, pass } = await start(2, () => Promise.resolve({ withheld }), hooks);
  await pass().catch(() => undefined);
  await pass();
  expect(await countExactly(run)).toEqual({ total: 2, pending: 0, rejected: 1, existing: 1 });
});
