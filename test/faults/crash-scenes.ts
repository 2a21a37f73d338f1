/**
 * The scenes of the crash certificate: in each, one import runs and its worker is killed at one crash point. Several lanes run
 * in parallel, each with its own namespace and one worker at a time. Each worker first finishes the run in which its
 * predecessor was killed, and is then killed in the next run.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { type CxflowClient, connect } from '../../src/client.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Source } from '../../src/contract/run.ts';
import { isTransient } from '../../src/ledger/errors.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { freshNamespace } from '../harness/fresh.ts';
import type { TestProcess } from '../harness/processes.ts';
import { apiShape, csv, rowAt, rows } from '../scenarios/contacts.ts';
import { query } from './observe.ts';
import { type Stand, until } from './stand.ts';
import { isOutage, resultOf, unlessStuck } from './stuck.ts';

/** What the operator decides once the plan is ready. */
export type PlanDecision = 'approve' | 'cancel';

export interface Scene {
  /** A crash point, `activity/name:count` (src/worker/crash-points.ts). */
  readonly point: string;
  readonly decision: PlanDecision;
  /** Used both as run id and as list id. */
  readonly name: string;
}

/** The requests that CXone and the CRM received in one run. */
export interface Traffic {
  readonly posts: number;
  readonly puts: number;
  /** Deliveries of events, including repeated ones. */
  readonly delivered: number;
  /** Contacts that CXone created more than once. */
  readonly twice: number;
}

export interface SceneResult {
  readonly scene: Scene;
  /** The state of the ledger and of CXone right after the crash. */
  readonly ledger: string;
  readonly cxone: string;
  readonly result: ContactImportResult;
  readonly traffic: Traffic;
}

export interface Lane {
  readonly client: CxflowClient;
  readonly worker: (crashAt?: string) => Promise<TestProcess>;
}

const CRM = 'crm';
/** Three batches, of 100, 100 and 3 contacts, two of which already exist in CXone; plus two invalid rows and two duplicates. */
const CONTACTS = csv([
  ...rows(1, 203),
  rowAt(204, { phone: '123' }),
  rowAt(205, { optInStatus: 'maybe' }),
  rowAt(5),
  rowAt(6),
]);
const EXISTING = [rowAt(10), rowAt(20)].map(apiShape);

export async function stageContacts(stand: Stand): Promise<Source> {
  const path = join(stand.folder, 'contacts.csv');
  writeFileSync(path, CONTACTS);
  return (await stand.client().stageFile(path)).source;
}

/** One request at a time, so that the crash points always come in the same order. */
export const ENV = { CXFLOW_MAX_IN_FLIGHT: '1', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' } as const;

export function loseThirdAnswer({ name }: Scene): FaultRule {
  const match = { method: 'POST', path: `/contactlists/${name}/` };
  return { match, after: 2, times: 1, fault: { reset: 'after' } };
}

export async function openLane(stand: Stand): Promise<Lane> {
  const env = {
    ...stand.env,
    TEMPORAL_NAMESPACE: freshNamespace(),
    CRM_WEBHOOK_URL: stand.admin.webhookUrl(CRM),
  };
  const client = await connect({ databaseUrl: stand.databaseUrl, env });
  return {
    client,
    worker: (crashAt) =>
      stand.readyWorker({ ...env, ...(crashAt !== undefined && { CXFLOW_CRASH_AT: crashAt }) }),
  };
}

interface StartedScene {
  readonly scene: Scene;
  readonly ended: Promise<ContactImportResult>;
}

export async function startScene(
  stand: Stand,
  { client }: Lane,
  scene: Scene,
  source: Source,
): Promise<StartedScene> {
  const { name, decision } = scene;
  await stand.admin.seedList(name, EXISTING);
  const input = { listId: name, source, existing: 'update', approval: true } as const;
  await startWithRetries(() => client.startContactImport(input, { runId: name }));
  const handle = client.temporal.workflow.getHandle(name);
  const signalled = until(
    () => client.ledger.runs.find(name),
    (run) => run?.phase === 'awaiting_approval',
  ).then(() => handle.signal(decision, { by: 'dana' }));
  const ended = Promise.all([resultOf<ContactImportResult>(client, name), signalled]).then(
    ([result]) => result,
  );
  // Awaited later; until then a rejection must not count as unhandled.
  ended.catch(() => undefined);
  return { scene, ended };
}

/** PostgreSQL or Temporal may not answer in time on a busy machine. Starting the same run twice is harmless. */
export async function startWithRetries(start: () => Promise<unknown>): Promise<void> {
  const attempt = () =>
    start().then(
      () => true,
      (error: unknown) => {
        if (isTransient(error) || isOutage(error)) return false;
        throw error;
      },
    );
  await until(attempt, (isStarted) => isStarted);
}

/** Takes scenes from the shared queue until it is empty. */
export async function workThrough(
  stand: Stand,
  lane: Lane,
  scenes: Scene[],
  source: Source,
): Promise<readonly SceneResult[]> {
  const { client } = lane;
  const results: SceneResult[] = [];
  let last: (StartedScene & Pick<SceneResult, 'ledger' | 'cxone'>) | null = null;
  for (;;) {
    const scene = scenes.shift();
    const worker = await lane.worker(scene ? `${scene.point}@${scene.name}` : undefined);
    if (last) {
      const { name, point } = last.scene;
      const what = `the run killed at ${point} to end`;
      const result = await unlessStuck(last.ended, { client, runId: name, what });
      results.push({ ...last, result, traffic: await countTraffic(stand, last.scene) });
    }
    if (!scene) return results;
    const started = await startScene(stand, lane, scene, source);
    const what = `the worker to reach ${scene.point}`;
    const exit = await unlessStuck(worker.exited, { client, runId: scene.name, what });
    expect(exit, `exit of the worker at ${scene.point}`).toEqual({ code: null, signal: 'SIGKILL' });
    last = { ...started, ...(await describeState(stand, lane, scene)) };
    await expireLeases(stand, scene);
  }
}

/** The crash points that a worker with CXFLOW_CRASH_AT=trace passed in one run. */
export function readPassedPoints(output: string, { name }: Pick<Scene, 'name'>): readonly string[] {
  const lines = output.split('\n').filter((line) => line.includes('"crash point"'));
  const passed = lines.map((line) => JSON.parse(line) as { point: string; run: string });
  return passed.filter(({ run }) => run === name).map(({ point }) => point);
}

/** Counts the contacts that CXone already had when their batch was repeated, and of which nobody can tell who created them. */
export async function countUnattributed(
  stand: Stand,
  { name }: Pick<Scene, 'name'>,
  outcome: 'updated' | 'existing',
): Promise<number> {
  const { rows: found } = await query(stand, (db) =>
    sql<{ n: number }>`select count(*)::int as n from outcomes join runs using (run_no)
      where run_id = ${name} and outcome = ${outcome} and evidence = 'own_write_or_existing'`.execute(db),
  );
  return found[0]?.n ?? 0;
}

/** Saves waiting 20 s for the leases of a worker that is dead. worker-kill.test.ts does wait for them. */
export async function expireLeases(stand: Stand, { name }: Pick<Scene, 'name'>): Promise<void> {
  await query(stand, (db) =>
    sql`update writes set lease_until = clock_timestamp() where state = 'sending'
      and run_no = (select run_no from runs where run_id = ${name})`.execute(db),
  );
}

async function describeState(stand: Stand, { client }: Lane, { name }: Scene) {
  const run = await client.ledger.runs.find(name);
  const { rows: states } = await query(stand, (db) =>
    sql<{ state: string; n: number }>`select state, count(*)::int as n from writes
      where run_no = ${run?.run_no ?? 0} group by state
      order by array_position(array['settled', 'sending', 'unanswered', 'planned'], state)`.execute(db),
  );
  const writes = states.map(({ state, n }) => `${n} ${state}`).join(', ');
  const applied = await countApplied(stand, name);
  return {
    ledger: run ? [run.state === 'running' ? run.phase : run.state, writes].filter(Boolean).join(': ') : '–',
    cxone: `${applied.create} created, ${applied.update} updated`,
  };
}

async function countApplied(stand: Stand, list: string) {
  const applied = { create: 0, update: 0, seed: 0, edit: 0 };
  for (const { action } of await stand.admin.journal({ list })) applied[action] += 1;
  return applied;
}

export async function countTraffic(stand: Stand, { name }: Scene): Promise<Traffic> {
  const requests = (await stand.admin.requests(10_000)).filter(({ path }) => path.includes(`/${name}/`));
  const deliveries = (await stand.admin.webhooks(CRM)).filter(
    ({ body }) => (body as { runId?: string } | null)?.runId === name,
  );
  const bodies = new Map<string, Set<string>>();
  for (const { headers, raw } of deliveries) {
    const id = String(headers['webhook-id']);
    bodies.set(id, (bodies.get(id) ?? new Set()).add(raw));
  }
  expect(
    [...bodies.values()].filter((each) => each.size > 1),
    `${name}: events that were delivered with different bodies`,
  ).toEqual([]);
  const { rows: events } = await query(stand, (db) =>
    sql<{
      id: string;
    }>`select event_id as id from outbox join runs using (run_no) where run_id = ${name}`.execute(db),
  );
  expect([...bodies.keys()].sort(), `${name}: delivered events`).toEqual(events.map(({ id }) => id).sort());
  const created = (await stand.admin.journal({ list: name })).filter(({ action }) => action === 'create');
  return {
    twice: created.length - new Set(created.map(({ contactId }) => contactId)).size,
    posts: requests.filter(({ method }) => method === 'POST').length,
    puts: requests.filter(({ method }) => method === 'PUT').length,
    delivered: deliveries.length,
  };
}
