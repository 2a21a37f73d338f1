/**
 * Workers are killed at the crash points of every operation, one at a time, and of an import with claims ahead. Every run ends
 * with the counts of an undisturbed run and passes the conservation check of its operation. The import that
 * docs/crash-certificate.md describes is in crash-certificate.test.ts.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mostUnsettled } from '../../src/activities/engine/rate-limiter.ts';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { RunResult } from '../../src/contract/run.ts';
import type { Counts } from '../../src/domain/run.ts';
import type { EmailPlanInput } from '../../src/simulator/email.plan.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import {
  countUnattributed,
  ENV,
  expireLeases,
  type Lane,
  openLane,
  readPassedPoints,
  startWithRetries,
} from './crash-scenes.ts';
import { isInEveryRun } from './crash-table.ts';
import { expectNobodyTwice, startSend } from './emails.ts';
import { chooseSeed, createRandom, onStand, type Stand, until } from './stand.ts';
import { resultOf, unlessStuck } from './stuck.ts';

/** Of each operation, and all operations share the machine with the crash certificate. */
const LANES = 2;
/** Crash points of each operation that `npm test` tries; CI tries all. */
const SAMPLE = 8;
/**
 * The share of crash points that may be missed: on a busy machine a run passes points that a faster one does not, for example
 * when a page is repeated because its heartbeat came too late.
 */
const MOST_MISSED = 0.15;
/** Contacts in a batch. */
const BATCH_SIZE = 100;
const LISTS = { CXFLOW_LIST_ITEMS_PER_BATCH: String(BATCH_SIZE), CXFLOW_LIST_INTERVAL_MS: '0' } as const;
/** All scenes together send more than the default limit of a day permits. */
const EMAILS = { CXFLOW_EMAIL_DAILY_LIMIT: '1000000' } as const;
const ALL = (process.env.CXFLOW_CERTIFICATE ?? 'sample') !== 'sample';

/** A run for each of up to a hundred crash points, while those of the other operations share the machine. */
const LIMIT = { timeout: 3_000_000 };

interface Scene {
  readonly point: string;
  /** Used as run id, and as list or campaign id. */
  readonly name: string;
  /** Unique among the scenes of the operation. */
  readonly n: number;
}

interface Operation {
  readonly title: string;
  readonly inFlight: number;
  readonly start: (stand: Stand, lane: Lane, scene: Scene) => Promise<unknown>;
  /** How many records may be in doubt after a crash, because they must not be sent again. Default 0. */
  readonly mostInDoubt?: number;
  /**
   * It has so many crash points that a sample of them has to do in CI, too, and how many depends on which jobs end first: only those
   * of two undisturbed runs are tried.
   */
  readonly isLong?: boolean;
  /** Called once, before anything is started. */
  readonly prepare?: (stand: Stand) => Promise<unknown>;
  /** A fault that loses the answer to one request of the scene. */
  readonly lostAnswer: (scene: Scene) => FaultRule | null;
  /** Whether every run passes this crash point, in whatever order. */
  readonly isReproducible: (point: string) => boolean;
}

/** With several requests in flight, only the first occurrences of a crash point are certain. */
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
    lostAnswer: ({ name }) => ({
      match: { method: 'POST', path: `/contactlists/${name}/` },
      after: 2,
      times: 1,
      fault: { reset: 'after' },
    }),
    isReproducible: (point) =>
      /^writePage\/(writes\.(claim|settle)|contactLists\.createRecords)/.test(point) && isEarly(point),
  },
  {
    title: 'a preference update',
    inFlight: 1,
    async start(_stand, { client }, { name, n }) {
      const { source } = await client.stageRows(Array.from({ length: 203 }, (_, i) => preference(n, i)));
      await client.startPreferenceUpdate({ source }, { runId: name });
    },
    // The requests of all scenes have the same path, so a fault could strike those of another scene.
    lostAnswer: () => null,
    isReproducible: (point) => !point.startsWith('deliverEvents/') || isEarly(point),
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
    lostAnswer: ({ name }) => ({
      match: { method: 'PATCH', path: `/campaigns/${name}$` },
      times: 1,
      fault: { reset: 'after' },
    }),
    isReproducible: () => true,
  },
  {
    title: 'a list load into a campaign with room for exactly its items',
    inFlight: 1,
    async start(stand, { client }, { name }) {
      // The simulator counts every list for a campaign of its own making.
      const lists = [name];
      await stand.admin.seedCapacity(name, { currentListSize: 100, maxListSize: 100 + ITEMS, lists });
      const { source } = await client.stageRows(Array.from({ length: ROWS }, (_, n) => item(n)));
      await client.startListLoad({ listId: name, campaignId: name, source }, { runId: name });
    },
    lostAnswer: ({ name }) => ({
      match: { method: 'POST', path: `/lists/${name}/items` },
      after: 1,
      times: 1,
      fault: { reset: 'after' },
    }),
    isReproducible: (point) => !point.startsWith('deliverEvents/') || isEarly(point),
  },
  {
    title: 'an email send with bounces, retries, complaints and opt-outs',
    inFlight: 1,
    mostInDoubt: BATCH_SIZE,
    // More than a hundred, with lookups, jobs and retries in each run.
    isLong: true,
    prepare: (stand) => stand.admin.setEmailPlan(EMAIL_PLAN),
    // What may have been sent is left in doubt, so that no run waits for a person.
    start: (_stand, { client }, { name }) =>
      startSend(client, { name, rows: RECIPIENTS, input: { ...FAST_EMAIL, onInDoubt: 'leave' } }),
    // The requests of all scenes have the same path here too. email-lost-answers.test.ts loses their answers.
    lostAnswer: () => null,
    isReproducible: (point) => !/^(deliverEvents|trackMessages)\//.test(point) || isEarly(point),
  },
];

const RECIPIENTS = 230;
const FAST_EMAIL = { retryAfter: '1s', retries: 1, pollDeadline: '10s' } as const;
const EMAIL_PLAN: EmailPlanInput = {
  recipients: [
    { address: '[.]1[0-9]@', does: 'soft', times: 1, outOfOrder: true },
    { address: '[.]12[0-9]@', does: 'hard', copies: 2 },
    { address: '[.]21@', does: 'complaint', copies: 2 },
    { address: '[.]22@', does: 'unsubscribe' },
    { address: '[.]3[0-9]@', does: 'click' },
  ],
};

/** Rows of a list load: every tenth has the number of the row before it, and every fiftieth is suppressed. */
const ROWS = 500;
const DUPLICATES = ROWS / 10;
const SUPPRESSED = 10;
const ITEMS = ROWS - DUPLICATES - SUPPRESSED;

/** Numbers from +1 202 555 0100 to 0109 are on the simulator's suppression list. */
function item(n: number) {
  const number = n % 10 === 9 ? n - 1 : n;
  const isSuppressed = n % 50 === 0;
  return {
    phone_number: isSuppressed ? `+1202555010${n / 50}` : `+1312555${String(1_000 + number)}`,
    engagement_rating: ['high', 'medium', 'low'][n % 3],
    last_contact_days: n % 40,
  };
}

async function approve({ temporal, ledger }: Lane['client'], runId: string): Promise<void> {
  await until(
    () => ledger.runs.find(runId),
    (run) => run?.phase === 'awaiting_approval',
  );
  await temporal.workflow.getHandle(runId).signal('approve', { by: 'dana' });
}

/** One in fifty opts in, and the guard looks it up. No contact occurs in two scenes. */
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
    it('loses nothing and writes nothing twice if its worker is killed at a crash point', LIMIT, async () => {
      const env = { ...ENV, CXFLOW_MAX_IN_FLIGHT: String(operation.inFlight), ...LISTS, ...EMAILS };
      await onStand(processes, { env }, async (stand) => {
        await operation.prepare?.(stand);
        const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(stand)));
        const { points, counts } = await findPoints(stand, lanes[0] as Lane, operation);
        const scenes = chooseScenes(points, operation);
        await stand.admin.setFaults(scenes.flatMap((scene) => operation.lostAnswer(scene) ?? []));
        const queue = [...scenes];
        const lanesEnds = await Promise.all(lanes.map((lane) => workThrough(stand, lane, operation, queue)));
        const ends = lanesEnds.flat();
        const missed = ends.filter(({ isKilled }) => !isKilled).map(({ scene }) => scene.point);
        expect(
          missed.length,
          `crash points that no run reached again: ${missed.join(' ')}`,
        ).toBeLessThanOrEqual(MOST_MISSED * scenes.length);
        // Only when all lanes have finished, because the check compares all requests with all claims of the ledger.
        for (const end of ends) await expectLikeUndisturbed(stand, operation, counts, end);
        await Promise.all(lanes.map(({ client }) => client.close()));
      });
    });
  });
}

/** Conserved, and with the counts of the undisturbed run, except for what only a lost answer could tell. */
async function expectLikeUndisturbed(
  stand: Stand,
  { inFlight, mostInDoubt = 0 }: Operation,
  counts: Counts,
  { scene, result }: EndedScene,
): Promise<void> {
  const killed = `killed at ${scene.point}`;
  const {
    existing = 0,
    created = 0,
    ...rest
  } = await stand.conserved(scene.name, {
    result,
    isListShared: mostInDoubt > 0,
  });
  if (mostInDoubt > 0) await expectNobodyTwice(stand, scene.name);
  const unattributed = await countUnattributed(stand, scene, 'existing');
  expect(unattributed, `${killed}: unattributed contacts`).toBeLessThanOrEqual(
    // And that of the lost answer.
    (mostUnsettled(inFlight) + 1) * BATCH_SIZE,
  );
  expect(existing, `${killed}: existing contacts in a list that was empty`).toBe(unattributed);
  expect(rest.in_doubt ?? 0, `${killed}: in doubt`).toBeLessThanOrEqual(mostInDoubt);
  const { existing: unattributedThere = 0, created: createdThere = 0, ...others } = counts;
  expect({ ...withDoubts(rest), written: created + unattributed }, killed).toEqual({
    ...withDoubts(others),
    written: createdThere + unattributedThere,
  });
}

/** Messages that were sent, or may have been. */
function withDoubts({ sent = 0, in_doubt: inDoubt = 0, ...rest }: Partial<Counts>) {
  return { ...rest, sent: sent + inDoubt };
}

/** The crash points that a run without a crash passes, and its counts. */
async function findPoints(stand: Stand, lane: Lane, operation: Operation) {
  const first = await runUndisturbed(stand, lane, operation, 'undisturbed');
  if (!operation.isLong) return first;
  const { points } = await runUndisturbed(stand, lane, operation, 'undisturbed-again');
  return { ...first, points: first.points.filter((point) => points.includes(point)) };
}

async function runUndisturbed(stand: Stand, lane: Lane, operation: Operation, name: string) {
  const scene: Scene = { point: '', name, n: 0 };
  await stand.admin.setFaults([operation.lostAnswer(scene) ?? []].flat());
  const tracer = await lane.worker('trace');
  await operation.start(stand, lane, scene);
  const what = 'the undisturbed run to end';
  const { client } = lane;
  const result = await unlessStuck(resultOf(client, name), { client, runId: name, what });
  await tracer.kill();
  const points = readPassedPoints(tracer.output(), scene)
    .filter(isInEveryRun)
    .filter(operation.isReproducible);
  expect(points.length, 'crash points').toBeGreaterThan(SAMPLE);
  return { points, counts: await stand.conserved(scene.name, { result }) };
}

function chooseScenes(points: readonly string[], { isLong = false }: Operation): readonly Scene[] {
  const random = createRandom(chooseSeed(20285));
  const rest = [...points];
  const chosen =
    ALL && !isLong
      ? rest
      : Array.from({ length: SAMPLE }, () => rest.splice(random(0, rest.length - 1), 1)[0] ?? '');
  return chosen.map((point, i) => ({ point, name: `scene-${i + 1}`, n: i + 1 }));
}

interface EndedScene {
  readonly scene: Scene;
  readonly result: RunResult;
  /** False: the run ended without reaching its crash point. */
  readonly isKilled: boolean;
}

/** Each worker first finishes the run in which its predecessor was killed, and is then killed in the next run. */
async function workThrough(
  stand: Stand,
  lane: Lane,
  operation: Operation,
  scenes: Scene[],
): Promise<EndedScene[]> {
  const { client } = lane;
  const ends: EndedScene[] = [];
  let last: { readonly scene: Scene; readonly ended: Promise<RunResult> } | undefined;
  for (;;) {
    const scene = scenes.shift();
    const worker = await lane.worker(scene && `${scene.point}@${scene.name}`);
    if (last) {
      const { scene: killed, ended } = last;
      const what = `the run killed at ${killed.point} to end`;
      const result = await unlessStuck(ended, { client, runId: killed.name, what });
      ends.push({ scene: killed, result, isKilled: true });
      last = undefined;
    }
    if (!scene) return ends;
    await startWithRetries(() => operation.start(stand, lane, scene));
    const ended = resultOf<RunResult>(client, scene.name);
    // Awaited later; until then a rejection must not count as unhandled.
    ended.catch(() => undefined);
    const first = Promise.race([worker.exited, ended]);
    const what = `the worker to reach ${scene.point}`;
    const exit = await unlessStuck(first, { client, runId: scene.name, what });
    if ('runId' in exit) {
      await worker.kill();
      ends.push({ scene, result: exit, isKilled: false });
      continue;
    }
    expect(exit, `exit of the worker at ${scene.point}`).toEqual({ code: null, signal: 'SIGKILL' });
    await expireLeases(stand, scene);
    last = { scene, ended };
  }
}
