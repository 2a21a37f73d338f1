/**
 * The worker dies at the crash points of every operation, one at a time, also with claims ahead of the request slots; every
 * run ends with the counts of an undisturbed one, and the conservation check of its operation holds. The import that
 * docs/crash-certificate.md describes is in crash-certificate.test.ts.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { RunResult } from '../../src/contract/run.ts';
import { isTransient } from '../../src/ledger/errors.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { within } from '../harness/wait.ts';
import { countUntold, ENV, expireLeases, type Lane, openLane, passedBy } from './crash-scenes.ts';
import { isInEveryRun } from './crash-table.ts';
import { onStand, randomOf, type Stand, seedOf, until } from './stand.ts';

const LANES = 4;
/** Of each operation in `npm test`; CI goes through all. */
const SAMPLE = 8;
/** Of a batch of contacts. */
const BATCH = 100;
const ALL = (process.env.CXFLOW_CERTIFICATE ?? 'sample') !== 'sample';

interface Scene {
  readonly point: string;
  /** Run id, and list or campaign. */
  readonly name: string;
  /** Unique among the scenes of the operation. */
  readonly n: number;
}

interface Operation {
  readonly title: string;
  readonly inFlight: number;
  readonly start: (stand: Stand, lane: Lane, scene: Scene) => Promise<unknown>;
  /** The answer to one request of the scene is lost. */
  readonly losesOne: (scene: Scene) => FaultRule | null;
  /** Of those that an undisturbed run passes: which are passed in every run, in whatever order. */
  readonly isSteady: (point: string) => boolean;
}

/** With several requests in flight, how often anything happens differs; the first ones always happen. */
const isEarly = (point: string): boolean => Number(point.split(':').at(-1)) <= 4;

const OPERATIONS: readonly Operation[] = [
  {
    title: 'an import with claims ahead',
    inFlight: 4,
    async start(stand, { client }, { name }) {
      const path = join(stand.folder, `${name}.csv`);
      await writeDemoContacts({ path, rows: 1_200 });
      const { source } = await client.stageFile(path);
      await client.startContactImport({ listId: name, source }, { runId: name });
    },
    losesOne: ({ name }) => ({
      match: { method: 'POST', path: `/contactlists/${name}/` },
      after: 2,
      times: 1,
      fault: { reset: 'after' },
    }),
    isSteady: (point) =>
      /^writePage\/(writes\.(claim|settle)|contactLists\.createRecords)/.test(point) && isEarly(point),
  },
  {
    title: 'a preference update',
    inFlight: 1,
    async start(_stand, { client }, { name, n }) {
      const { source } = await client.stageRows(Array.from({ length: 203 }, (_, i) => preference(n, i)));
      await client.startPreferenceUpdate({ source }, { runId: name });
    },
    // All scenes share the address, so each of them would lose the answers of the others.
    losesOne: () => null,
    isSteady: (point) => !point.startsWith('deliverEvents/') || isEarly(point),
  },
  {
    title: 'a selection update that is approved',
    inFlight: 1,
    async start(stand, { client }, { name }) {
      await stand.admin.seedCampaign(name);
      const change = { add: { targetListIds: ['M'] } };
      await client.startSelectionUpdate({ campaignId: name, change, approval: true }, { runId: name });
      void approve(client, name);
    },
    losesOne: ({ name }) => ({
      match: { method: 'PATCH', path: `/campaigns/${name}$` },
      times: 1,
      fault: { reset: 'after' },
    }),
    isSteady: () => true,
  },
];

async function approve({ temporal, ledger }: Lane['client'], runId: string): Promise<void> {
  await until(
    () => ledger.runs.find(runId),
    (run) => run?.phase === 'awaiting_approval',
  );
  await temporal.workflow.getHandle(runId).signal('approve', { by: 'dana' });
}

/** One in fifty opts in, which the guard looks up. Everybody is in one scene only. */
function preference(scene: number, n: number) {
  const optIn = n % 50 === 0;
  return {
    contactId: `0a1b2c3d-0000-4000-${String(8_000 + scene)}-${String(n).padStart(12, '0')}`,
    channel: 'email',
    optIn,
    consentTimestamp: '2025-02-01T00:00:00Z',
    withdrawalTimestamp: optIn ? null : '2025-03-01T00:00:00Z',
    regulatoryRegion: 'GDPR',
    source: 'crash',
  };
}

for (const operation of OPERATIONS) {
  describe.concurrent(operation.title, () => {
    const processes = useProcesses();
    it('whose worker dies at a crash point loses nothing and writes nothing twice', async () => {
      const env = { ...ENV, CXFLOW_MAX_IN_FLIGHT: String(operation.inFlight) };
      await onStand(processes, { env }, async (stand) => {
        const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(stand)));
        const { points, counts } = await undisturbed(stand, lanes[0] as Lane, operation);
        const scenes = chooseScenes(points);
        await stand.admin.setFaults(scenes.flatMap((scene) => operation.losesOne(scene) ?? []));
        const queue = [...scenes];
        const ends = await Promise.all(lanes.map((lane) => workThrough(stand, lane, operation, queue)));
        // Once all lanes are quiet: requests are compared with claims over the whole ledger.
        for (const { scene, result } of ends.flat()) {
          const { existing = 0, created = 0, ...rest } = await stand.conserved(scene.name, { result });
          const untold = await countUntold(stand, scene, 'existing');
          expect(untold, `killed at ${scene.point}: at most what was in flight`).toBeLessThanOrEqual(
            operation.inFlight * BATCH,
          );
          expect(existing, `killed at ${scene.point}: the list was empty`).toBe(untold);
          expect({ ...rest, created: created + untold }, `killed at ${scene.point}`).toEqual({
            created: 0,
            ...counts,
          });
        }
        await Promise.all(lanes.map(({ client }) => client.close()));
      });
    });
  });
}

/** The crash points of a run, and its counts. */
async function undisturbed(stand: Stand, lane: Lane, operation: Operation) {
  const scene: Scene = { point: '', name: 'undisturbed', n: 0 };
  await stand.admin.setFaults([operation.losesOne(scene) ?? []].flat());
  const tracer = await lane.worker('trace');
  await operation.start(stand, lane, scene);
  const result = await within(lane.client.result(scene.name), 'the undisturbed run to end');
  await tracer.kill();
  const points = passedBy(tracer.output(), scene).filter(isInEveryRun).filter(operation.isSteady);
  expect(points.length, 'crash points').toBeGreaterThan(SAMPLE);
  return { points, counts: await stand.conserved(scene.name, { result }) };
}

function chooseScenes(points: readonly string[]): readonly Scene[] {
  const random = randomOf(seedOf(20285));
  const rest = [...points];
  const chosen = ALL
    ? rest
    : Array.from({ length: SAMPLE }, () => rest.splice(random(0, rest.length - 1), 1)[0] ?? '');
  return chosen.map((point, i) => ({ point, name: `scene-${i + 1}`, n: i + 1 }));
}

interface End {
  readonly scene: Scene;
  readonly result: RunResult;
}

/** A worker first ends the run that killed the one before it, and then dies in a run of its own. */
async function workThrough(stand: Stand, lane: Lane, operation: Operation, scenes: Scene[]): Promise<End[]> {
  const ends: End[] = [];
  let last: Scene | undefined;
  for (;;) {
    const scene = scenes.shift();
    const worker = await lane.worker(scene && `${scene.point}@${scene.name}`);
    if (last) {
      const result = await within(
        lane.client.result(last.name),
        `${last.name}, killed at ${last.point}, to end`,
      );
      ends.push({ scene: last, result });
    }
    if (!scene) return ends;
    await startPatiently(() => operation.start(stand, lane, scene));
    const exit = await within(worker.exited, `the worker to pass ${scene.point}`);
    expect(exit, `${scene.point} ends the worker`).toEqual({ code: null, signal: 'SIGKILL' });
    await expireLeases(stand, scene);
    last = scene;
  }
}

/** Connecting has a time limit, which a busy machine may exceed. Starting the same run again is the same run. */
async function startPatiently(start: () => Promise<unknown>): Promise<void> {
  const attempt = () =>
    start().then(
      () => true,
      (error: unknown) => {
        if (isTransient(error)) return false;
        throw error;
      },
    );
  await until(attempt, (isStarted) => isStarted);
}
