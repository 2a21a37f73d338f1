/** An attempt that was superseded by a later one stores nothing any more. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { assertFence, Superseded } from '../../src/ledger/fence.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import {
  claimed,
  expireLease,
  ledgerOfFile,
  openRun,
  plannedRun,
  record,
  untilWaiting,
  upTo,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();

const [EARLIER, LATER] = [1_000, 2_000];
const SOURCE = { name: 'a', format: 'csv', bytes: 1, sha256: 'x', columns: null };
const AUDIT = { data: { action: 'resolve' }, key: 'k' };

type Store = (ledger: Ledger, run: Run) => Promise<unknown>;

/** Every method with which a step stores something. These change something in a run that is in progress. */
const STORES: Readonly<Record<string, Store>> = {
  'stages rows': ({ records }, run) => records.stage(run, [record(11)]),
  'finishes the staging': ({ records }, run) => records.finishStaging(run),
  'cancels what is pending': ({ records }, run) => records.cancelPending(run, { code: 'run_cancelled' }),
  'marks writes in doubt': ({ writes }, run) => writes.markInDoubt(run, { code: 'answer_lost' }),
  'resolves writes in doubt': ({ writes }, { run_no: runNo, run_id: runId, fence }) =>
    writes.resolve({ runNo, fence, verdict: 'resend', id: null, audit: { runId, ...AUDIT } }),
  'reserves the business key': ({ runs }, run) => runs.reserveBusinessKey(run, `key ${run.run_no}`),
  'stores the source': ({ runs }, run) => runs.setSource(run, SOURCE),
  'stores the plan': ({ runs }, run) => runs.setPlan(run, { toWrite: 1 }, 'hash'),
  'closes the run': ({ runs }, run) => runs.close(run, 'cancelled', null, null),
};

/** The same for methods that do nothing in a run that already has writes. */
const PLANS: Readonly<Record<string, Store>> = {
  'settles duplicates': ({ records }, run) =>
    records.settleStaged(run, [{ seq: 3, outcome: 'duplicate', reasons: [{ code: 'duplicate_in_source' }] }]),
  'plans writes': ({ writes }, run) => writes.plan(run, 'create', 5),
  'plans a selection': planSelection,
};

async function planSelection({ campaigns, selections }: Ledger, run: Run): Promise<void> {
  const campaign = { tenant: 't', campaignId: 'C1' };
  const read = { version: 3, document: {}, selection: {} };
  const { id: baseSnapshot } = await campaigns.saveSnapshot(campaign, read);
  await selections.plan({ ...campaign, run, baseSnapshot, base: {}, desired: {}, differences: [] });
}

async function stagedRun(): Promise<Run> {
  const { ledger } = opened();
  const run = await openRun(ledger);
  await ledger.records.stage(
    run.run_no,
    upTo(10).map((seq) => record(seq)),
  );
  await ledger.records.finishStaging(run.run_no);
  return run;
}

async function runWithSharedKeys(): Promise<Run> {
  const run = await openRun(opened().ledger);
  const rows = [1, 2].map((seq) => ({ ...record(seq), record: { idempotencyKey: 'shared' } }));
  await opened().ledger.records.stage(run.run_no, rows);
  return run;
}

async function plannedSelection(): Promise<Run> {
  const run = await openRun(opened().ledger);
  await planSelection(opened().ledger, run);
  return run;
}

/** A run with one write in doubt, one unanswered, and the others planned; its total is not counted yet. */
async function runInProgress(): Promise<Run> {
  const { ledger, database } = opened();
  const run = await plannedRun(ledger, 10, 2);
  const [lost, unanswered] = await writesOf(ledger, run);
  const expire = async (id = ''): Promise<void> => {
    await claimed(ledger, run, id);
    await expireLease(opened(), id);
  };
  await expire(lost?.id);
  await ledger.writes.markInDoubt(run.run_no, { code: 'answer_lost' });
  await expire(unanswered?.id);
  await sql`update runs set total = null where run_no = ${run.run_no}`.execute(database.db);
  return run;
}

/** Everything that the ledger has stored of the run. */
async function contentsOf({ run_no: runNo, run_id: runId }: Run): Promise<unknown> {
  const { rows } = await sql`select
    (select to_json(r) from runs r where run_no = ${runNo}) as run,
    (select json_agg(r order by seq) from records r where run_no = ${runNo}) as records,
    (select json_agg(o order by seq) from outcomes o where run_no = ${runNo}) as outcomes,
    (select to_json(u) from selection_updates u where run_no = ${runNo}) as selection,
    (select json_agg(w order by id) from writes w where run_no = ${runNo}) as writes,
    (select json_agg(a order by id) from audit_pending a where run_id = ${runId}) as audit`.execute(
    opened().database.db,
  );
  return rows;
}

describe('a superseded attempt', () => {
  const attempts: readonly (readonly [string, Store, () => Promise<Run>])[] = [
    ...Object.entries(STORES).map(([title, store]) => [title, store, runInProgress] as const),
    ...Object.entries(PLANS).map(([title, store]) => [title, store, stagedRun] as const),
    [
      'stores conflicts',
      ({ selections }, run) => selections.saveConflicts(run, ['theirs']),
      plannedSelection,
    ],
    [
      'replaces shared keys',
      ({ preferences }, run) => preferences.replaceSharedKeys(run, () => ({ idempotencyKey: 'own' })),
      runWithSharedKeys,
    ],
  ];
  it.each(attempts)('changes nothing when it %s', async (_, store, prepare) => {
    const { ledger } = opened();
    const { run_id: id } = await prepare();
    const stale = await ledger.runs.takeOver(id, EARLIER);
    const current = await ledger.runs.takeOver(id, LATER);
    const before = await contentsOf(current);
    await expect(store(ledger, stale)).rejects.toThrow(Superseded);
    expect(await contentsOf(current)).toEqual(before);
    await store(ledger, current);
    expect(await contentsOf(current), 'contents after the current attempt has stored something').not.toEqual(
      before,
    );
  });

  it('cannot take the run over again, while the current one can', async () => {
    const { ledger } = opened();
    const { run_id: id } = await openRun(ledger);
    await ledger.runs.takeOver(id, LATER);
    await expect(ledger.runs.takeOver(id, EARLIER)).rejects.toThrow(Superseded);
    expect(await ledger.runs.takeOver(id, LATER)).toMatchObject({ run_id: id, fence: String(LATER) });
  });

  it('can commit what it has checked the fence for; the later attempt waits until then', async () => {
    const { ledger, database } = opened();
    const first = await ledger.runs.takeOver((await openRun(ledger)).run_id, EARLIER);
    const { later } = await database.db.transaction().execute(async (tx) => {
      await assertFence(tx, first);
      const taken = ledger.runs.takeOver(first.run_id, LATER);
      await untilWaiting(database.db, 1);
      return { later: taken };
    });
    expect(await later).toMatchObject({ fence: String(LATER) });
  });
});

describe('steering', () => {
  it('by a superseded attempt changes nothing', async () => {
    const { ledger } = opened();
    const { run_no: runNo } = await openRun(ledger);
    await ledger.runs.steer(runNo, 'paused', EARLIER);
    await ledger.runs.steer(runNo, 'go', LATER);
    await expect(ledger.runs.steer(runNo, 'paused', EARLIER)).rejects.toThrow(Superseded);
    expect(await ledger.runs.getSteering(runNo)).toBe('go');
  });

  it('leaves a stopped run stopped, until it is opened again', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.runs.steer(run.run_no, 'stopped');
    for (const steering of ['go', 'paused'] as const) await ledger.runs.steer(run.run_no, steering, LATER);
    expect(await ledger.runs.getSteering(run.run_no)).toBe('stopped');
    await ledger.runs.reopen(reopening(run, LATER));
    expect(await ledger.runs.getSteering(run.run_no)).toBe('go');
  });

  it('by an earlier execution does not affect the next one', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.runs.reopen(reopening(run, LATER));
    await expect(ledger.runs.steer(run.run_no, 'stopped', EARLIER)).rejects.toThrow(Superseded);
    await expect(ledger.runs.reopen(reopening(run, EARLIER))).rejects.toThrow(Superseded);
    expect(await ledger.runs.getSteering(run.run_no)).toBe('go');
  });

  it('stores the phase of the latest attempt only', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    await ledger.runs.setPhase(run.run_no, 'writing', null, LATER);
    await ledger.runs.setPhase(run.run_no, 'planning', 'old', EARLIER);
    expect(await ledger.runs.get(run.run_id)).toMatchObject({ phase: 'writing', waiting_for: null });
    await ledger.runs.close(await ledger.runs.takeOver(run.run_id, LATER + 1), 'failed', null, null);
    await ledger.runs.setPhase(run.run_no, 'writing', null, LATER);
    expect(await ledger.runs.get(run.run_id)).toMatchObject({ phase: 'done' });
  });
});

function reopening(run: Run, attempt: number) {
  const { run_id: runId, kind, target, again, input } = run;
  return { runId, kind, target, again, dryRun: false, requestedBy: null, input, attempt };
}

describe('an audit entry with a key', () => {
  const entriesOf = async (runId: string): Promise<unknown[]> => {
    const { audit } = opened().ledger;
    while ((await audit.seal()) > 0);
    const entries: unknown[] = [];
    for await (const { data } of audit.list(runId)) entries.push(data);
    return entries;
  };

  it('is kept once, however often it is added, before and after it is sealed', async () => {
    const { ledger } = opened();
    for (const n of upTo(3)) await ledger.audit.add('keyed', 'did', { n }, 'key');
    expect(await entriesOf('keyed')).toEqual([{ n: 1 }]);
    for (const n of upTo(3)) await ledger.audit.add('keyed', 'did', { n }, 'key');
    await ledger.audit.add('keyed', 'did', { n: 1 }, 'another key');
    await ledger.audit.add('keyed-too', 'did', { n: 1 }, 'key');
    expect(await entriesOf('keyed')).toEqual([{ n: 1 }, { n: 1 }]);
    expect(await entriesOf('keyed-too')).toEqual([{ n: 1 }]);
    expect(await ledger.audit.verify()).toMatchObject({ unsealed: 0, finding: null });
  });

  it('is kept once while it is being sealed', async () => {
    const { ledger } = opened();
    const adds = upTo(60).map((n) => ledger.audit.add('sealing', 'did', { n: n % 5 }, `key ${n % 5}`));
    const seals = upTo(10).map(() => ledger.audit.seal());
    await Promise.all([...adds, ...seals]);
    expect(await entriesOf('sealing')).toHaveLength(5);
  });
});
