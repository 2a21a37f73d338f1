/** Objections that are staged while an import has batches claimed: at most what is in flight still carries the person. */
import { describe, expect, it } from 'vitest';
import { contactImport } from '../../src/contract/contact-import.ts';
import { until } from '../harness/wait.ts';
import { someId, upTo, writesOf } from '../ledger/harness.ts';
import { type CxoneHooks, fakeCxone, runActivity } from './harness.ts';
import {
  contactRow,
  createRowWorker,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  openRunOf,
  optOut,
  rowWorkersOfFile,
} from './preferences.ts';

const { opened } = rowWorkersOfFile();
const SLOTS = 4;
const AHEAD = 2;

/** A staged import in batches of `size`, and how people object meanwhile. */
async function startImport(options: { n: number; size: number; hooks: CxoneHooks; existing?: boolean }) {
  const { n, size, hooks, existing = false } = options;
  const { ledger } = opened();
  const people = upTo(n).map(nextPerson);
  const held = new Set(existing ? people.map(guid) : []);
  const cxone = fakeCxone(hooks, held);
  const worker = createRowWorker(ledger, cxone.cxone, { tenant: someId('tenant'), maxInFlight: SLOTS });
  const input = importInput(existing ? { existing: 'update' } : {});
  const run = await openRunOf(
    ledger,
    people.map((each) => contactRow(each)),
    input,
    contactImport.kind,
  );
  await runActivity(() => worker.activities.stageRecords(run.run_id));
  await ledger.writes.plan(run.run_no, 'create', size);
  /** A preference update that gets no further than its staging. */
  const object = async (who: readonly number[]) => {
    const staged = await openRunOf(
      ledger,
      who.map((each) => optOut(each, 20, { channel: 'sms' })),
    );
    await runActivity(() => worker.activities.stageRecords(staged.run_id));
  };
  return { ...worker, cxone, run, people, object };
}

describe('objections that are staged while an import', () => {
  it('has batches claimed stop all but those in flight', async () => {
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    // Past the gate, before the first byte.
    const started = await startImport({ n: 100, size: 10, hooks: { before: () => answered } });
    const { run, people, object, writeAll, cxone } = started;
    const written = writeAll(run);
    await until(
      () => writesOf(opened().ledger, run),
      (writes) => writes.filter(({ state }) => state === 'sending').length === SLOTS + AHEAD,
    );
    await object(people);
    answer();
    await written;
    expect(cxone.posts).toHaveLength(SLOTS);
    const outcomes = Object.values(await listOutcomes(opened().ledger, run)).sort();
    expect(outcomes).toEqual([
      ...upTo(SLOTS * 10).map(() => 'created'),
      ...upTo(100 - SLOTS * 10).map(() => 'suppressed suppressed'),
    ]);
  });

  it('updates contacts one after the other keep the next ones from being updated', async () => {
    let people: readonly number[] = [];
    let object: (who: readonly number[]) => Promise<void> = () => Promise.resolve();
    const hooks: CxoneHooks = {
      // The batch is refused first, so this is the second update, and already in flight.
      before: async (n) => (n === 3 ? object([people[1] ?? 0, people[3] ?? 0]) : undefined),
    };
    const started = await startImport({ n: 5, size: 5, hooks, existing: true });
    ({ people, object } = started);
    await started.writeAll(started.run);
    expect(await listOutcomes(opened().ledger, started.run)).toEqual({
      1: 'updated',
      2: 'updated',
      3: 'updated',
      4: 'suppressed suppressed',
      5: 'updated',
    });
    expect(started.cxone.puts).toEqual([0, 1, 2, 4].map((i) => guid(people[i] ?? 0)));
  });
});
