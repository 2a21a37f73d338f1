/** What an operation may add to the steps of the engine. */
import { describe, expect, it } from 'vitest';
import type { BulkDefinition } from '../../src/activities/engine/definition.ts';
import type { WriteDefinition } from '../../src/activities/engine/write-definition.ts';
import type { PostWebhook } from '../../src/activities/outbox/webhook.ts';
import { fatalFailure } from '../../src/contract/failures.ts';
import type { Phase } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { defineCallbackRequest } from '../extension/activities.ts';
import { ledgerOfFile, openRun, readWrite, record, upTo } from '../ledger/harness.ts';
import {
  allBatches,
  type CxoneHooks,
  createWorker,
  fakeCxone,
  lostAnswer,
  runActivity,
  type WorkerOptions,
  writeAll,
} from './harness.ts';
import { useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { folder, writeCsv, countExactly } = useSourceFolder(opened);
const INPUT = { listId: 'L1', source: { dataset: 'd' } };

type Hooks = Partial<Omit<BulkDefinition, 'order' | 'findDuplicates'>> & {
  readonly order?: 'rank';
  readonly findDuplicates?: Extract<BulkDefinition, { order: 'rank' }>['findDuplicates'];
};

/** A worker for the example operation with these additions. */
function workerWith(
  hooks: Hooks | ((definition: BulkDefinition) => Hooks),
  { cxone = fakeCxone().cxone, ...more }: Cxone & WorkerOptions = {},
) {
  return createWorker(opened().ledger, cxone, {
    sourceDir: folder.sourceDir,
    operations: {
      callbackRequest: (deps) => {
        const { definition } = defineCallbackRequest(deps);
        return {
          definition: { ...definition, ...(typeof hooks === 'function' ? hooks(definition) : hooks) },
        };
      },
    },
    ...more,
  });
}
type Cxone = { readonly cxone?: ReturnType<typeof fakeCxone>['cxone'] };

let salt = 0;
/** Two rows. Each call returns other content, because two runs with the same content are the same run. */
const rows = () => `contactId,phone\na,+14155550001\nb,+14155550002\n${'\n'.repeat((salt += 1))}`;

const openCallbacks = (input: object = INPUT): Promise<Run> =>
  openRun(opened().ledger, { kind: 'callbackRequest', input });

/** A run of `n` records, in batches of `size`. */
async function planned(n: number, size: number): Promise<Run> {
  const { ledger } = opened();
  const run = await openCallbacks();
  await ledger.records.stage(
    run.run_no,
    upTo(n).map((seq) => record(seq)),
  );
  await ledger.records.finishStaging(run.run_no);
  await ledger.writes.plan(run.run_no, 'create', size);
  return run;
}

const mapValues = <V>(object: Readonly<Record<string, V>>, map: (value: V) => V) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

describe('screen', () => {
  it('sees all rows before duplicates are sought, and before the run is counted', async () => {
    const path = await writeCsv(rows());
    const run = await openCallbacks({ listId: 'L1', source: { path } });
    const seen: unknown[] = [];
    const { activities } = workerWith({
      screen: async (screened) => {
        const { staged_through, total } = await opened().ledger.runs.get(screened.run_id);
        seen.push([staged_through, total]);
      },
    });
    await runActivity(() => activities.stageRecords(run.run_id));
    expect(seen).toEqual([[2, null]]);
    // A repetition of the finished step.
    await runActivity(() => activities.stageRecords(run.run_id));
    expect(seen).toHaveLength(1);
  });
});

describe('prepare', () => {
  it('settles before the batches are cut, and adds to the plan what an approval binds to', async () => {
    const path = await writeCsv(rows());
    const run = await openCallbacks({ listId: 'L1', source: { path } });
    let room = 7;
    const { activities } = workerWith({
      prepare: async (planned) => {
        const reason = { code: 'no_room' };
        await opened().ledger.records.settleStaged(planned, [
          { seq: 2, outcome: 'cancelled', reasons: [reason] },
        ]);
        return { notes: [`room for ${room}`], figures: { room } };
      },
    });
    const plan = () => runActivity(() => activities.planWrites(run.run_id));
    await runActivity(() => activities.stageRecords(run.run_id));
    const first = await plan();
    expect(first).toMatchObject({ toWrite: 1, cancelled: 1, batches: 1, figures: { room: 7 } });
    expect(first.notes).toEqual(['room for 7']);
    expect(await plan()).toEqual(first);
    room = 8;
    expect((await plan()).hash).not.toBe(first.hash);
  });

  it('may end the run', async () => {
    const run = await planned(1, 1);
    const { activities } = workerWith({
      prepare: () => Promise.reject(fatalFailure('InvalidInput', 'no room')),
    });
    await expect(runActivity(() => activities.planWrites(run.run_id))).rejects.toMatchObject({
      type: 'InvalidInput',
      nonRetryable: true,
    });
  });
});

describe('beforeClaim', () => {
  const withBeforeClaim = (beforeClaim: NonNullable<WriteDefinition['beforeClaim']>) =>
    workerWith(({ writes }) => ({
      order: 'rank',
      writes: mapValues(writes, (write) => ({ ...write, beforeClaim })),
    }));

  it('comes before each claim, and if it throws, nothing is claimed', async () => {
    const run = await planned(2, 1);
    const seen: unknown[] = [];
    const worker = withBeforeClaim(async (_run, { id, batch }) => {
      const { state, attempts } = await readWrite(opened(), id);
      seen.push([batch, state, attempts]);
      if (seen.length === 2) throw fatalFailure('Conflict', 'the list has changed');
    });
    await expect(worker.writePage(allBatches(run))).rejects.toMatchObject({ type: 'Conflict' });
    expect(seen).toEqual([
      [1, 'planned', 0],
      [2, 'planned', 0],
    ]);
    expect(await countExactly(run)).toMatchObject({ pending: 1, created: 1 });
    await writeAll(worker, allBatches(run));
    expect(seen.at(-1)).toEqual([2, 'planned', 0]);
  });
});

describe('the order by rank', () => {
  it('decides which of two duplicates is written, and what is written first', async () => {
    const path = await writeCsv(`contactId,phone\na,1\nb,3\nc,2\nb,9\n${'\n'.repeat((salt += 1))}`);
    const run = await openCallbacks({ listId: 'L1', source: { path } });
    const { cxone, posts } = fakeCxone();
    const worker = workerWith(
      {
        order: 'rank',
        recordsPerBatch: 2,
        createReader: () => (row) => {
          const { contactId, phone } = row as { contactId: string; phone: string };
          const rank = { score: Number(phone), recency: null };
          return { record: { contactId, phone }, rank, keys: [contactId] };
        },
        findDuplicates: async function* (_run, candidates) {
          const winners = new Set<string>();
          for await (const { seq, keys } of candidates) {
            if (keys.some((key) => winners.has(key))) yield { seq, reason: { code: 'same_person' } };
            for (const key of keys) winners.add(key);
          }
        },
      },
      { cxone },
    );
    await runActivity(() => worker.activities.stageRecords(run.run_id));
    await runActivity(() => worker.activities.planWrites(run.run_id));
    await writeAll(worker, allBatches(run));
    expect(posts).toEqual([['b', 'c'], ['a']]);
    expect(await countExactly(run)).toMatchObject({ created: 3, duplicate: 1 });
    expect(await opened().ledger.records.countReasons(run.run_no)).toEqual([
      { outcome: 'duplicate', code: 'same_person', field: null, n: 1 },
    ]);
  });

  it('has one page open, as the plan says', async () => {
    const run = await planned(3, 1);
    const { activities } = workerWith({ order: 'rank' });
    expect(await runActivity(() => activities.planWrites(run.run_id))).toMatchObject({ openPages: 1 });
    expect(await runActivity(() => workerWith({}).activities.planWrites(run.run_id))).not.toHaveProperty(
      'openPages',
    );
  });

  it('sends one request at a time, the rest of a batch before the next batch', async () => {
    let inFlight = 0;
    const before: CxoneHooks['before'] = () => {
      inFlight += 1;
      expect(inFlight).toBe(1);
    };
    const after = () => {
      inFlight -= 1;
    };
    const { cxone, posts } = fakeCxone({ before, after }, new Set(['c2', 'c6']));
    const run = await planned(8, 2);
    await writeAll(workerWith({ order: 'rank' }, { cxone }), allBatches(run));
    expect(posts).toEqual([['c1', 'c2'], ['c1'], ['c3', 'c4'], ['c5', 'c6'], ['c5'], ['c7', 'c8']]);
    expect(await countExactly(run)).toMatchObject({ pending: 0, created: 6, existing: 2 });
  });

  it('repeats a batch whose answer was lost after the others of its page', async () => {
    const after: CxoneHooks['after'] = (n) => {
      if (n === 2) throw lostAnswer();
    };
    const { cxone, posts } = fakeCxone({ after });
    const run = await planned(8, 2);
    await writeAll(workerWith({ order: 'rank' }, { cxone }), allBatches(run));
    expect(posts.map((ids) => ids.join())).toEqual(['c1,c2', 'c3,c4', 'c5,c6', 'c7,c8', 'c3,c4']);
  });

  it('waits for the turn of spaced batches without changing their order', async () => {
    const { cxone, posts } = fakeCxone();
    const run = await planned(4, 1);
    const spacing = { name: 'callbacks', intervalMs: 50 };
    const worker = workerWith(
      ({ writes }) => ({
        order: 'rank',
        writes: mapValues(writes, (write) => ({ ...write, spacing })),
      }),
      { cxone },
    );
    await writeAll(worker, allBatches(run));
    expect(posts).toEqual([['c1'], ['c2'], ['c3'], ['c4']]);
  });
});

describe('one event for the whole run', () => {
  function subscriber() {
    const received: [string, string][] = [];
    const post: PostWebhook = (id, body) => {
      received.push([id, body]);
      return Promise.resolve();
    };
    return { received, post };
  }
  let rendered = 0;
  const event: BulkDefinition['event'] = {
    name: 'callbacks.done',
    endpoint: 'marketing',
    renderRun: async (run, { event_id, created_at }) => {
      const counts = await opened().ledger.runs.counts(run.run_no);
      rendered += 1;
      return JSON.stringify({ event_id, created_at, counts, rendered });
    },
  };
  const enter = (run: Run, phase: Phase) => opened().ledger.runs.setPhase(run.run_no, phase, null);

  it('is sent once all records have an outcome, with the same bytes in each attempt', async () => {
    const run = await planned(4, 2);
    const { received, post } = subscriber();
    const refusing: PostWebhook = async (id, body) => {
      await post(id, body);
      throw new Error('status 503');
    };
    const worker = (marketing: PostWebhook) => workerWith({ event }, { webhooks: { crm: null, marketing } });
    const deliver = (by: PostWebhook) => runActivity(() => worker(by).activities.deliverEvents(run.run_id));
    await writeAll(worker(post), allBatches(run));
    expect(await opened().ledger.outbox.listUndelivered(run.run_no, 9)).toEqual([]);
    await enter(run, 'delivering');
    await expect(deliver(refusing)).rejects.toMatchObject({ type: 'SubscriberUnavailable' });
    expect(await deliver(post)).toEqual({ done: true });
    expect(await deliver(post)).toEqual({ done: true });
    expect(received).toHaveLength(2);
    expect(received[1]).toEqual(received[0]);
    expect(JSON.parse(received[0]?.[1] ?? '')).toMatchObject({
      event_id: received[0]?.[0],
      counts: { created: 4 },
    });
  });

  it('is one, although two attempts add it at the same moment', async () => {
    const run = await planned(1, 1);
    const { outbox } = opened().ledger;
    await Promise.all(upTo(6).map(() => outbox.addForRun(run.run_no, 'callbacks.done')));
    expect(await outbox.countDeliveries(run.run_no)).toEqual({ delivered: 0, undelivered: 1 });
  });

  it('is not sent for a run that fails, since that one may be started again', async () => {
    const run = await planned(2, 1);
    const { received, post } = subscriber();
    const { activities } = workerWith({ event }, { webhooks: { crm: null, marketing: post } });
    await enter(run, 'delivering');
    expect(await runActivity(() => activities.deliverEvents(run.run_id))).toEqual({ done: true });
    expect(received).toEqual([]);
  });
});

describe('the audit entry of a run', () => {
  it('is added once when the run ends, with its result', async () => {
    const run = await planned(2, 1);
    const worker = workerWith({
      auditEntry: (_run, state, { counts }) => ({ action: 'CALLBACKS', data: { state, n: counts.created } }),
    });
    await writeAll(worker, allBatches(run));
    const { ledger } = opened();
    await runActivity(() =>
      worker.activities.closeRun({ runId: run.run_id, state: 'completed', failure: null }),
    );
    await ledger.audit.seal();
    const entries: [string, unknown][] = [];
    for await (const { action, data } of ledger.audit.list(run.run_id)) entries.push([action, data]);
    expect(entries.slice(-2)).toEqual([
      ['run_closed', expect.anything()],
      ['CALLBACKS', { state: 'completed', n: 2 }],
    ]);
  });
});
