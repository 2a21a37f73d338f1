/**
 * One import whose worker is killed at one crash point, over and over: the scenes of the crash certificate. Lanes work beside
 * each other, each in a namespace of its own with one worker at a time. A worker first finishes the run that killed the one
 * before it, and then dies in a run of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { type CxflowClient, connect } from '../../src/client.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Source } from '../../src/contract/run.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { freshNamespace } from '../harness/fresh.ts';
import type { TestProcess } from '../harness/processes.ts';
import { within } from '../harness/wait.ts';
import { apiShape, csv, rowAt, rows } from '../scenarios/contacts.ts';
import { query } from './observe.ts';
import { type Stand, until } from './stand.ts';

/** What the operator says to the plan. */
export type Word = 'approve' | 'cancel';

export interface Scene {
  /** A crash point, `activity/name:count` (src/worker/crash-points.ts). */
  readonly point: string;
  readonly word: Word;
  /** Run id and list at once. */
  readonly name: string;
}

/** What CXone and the CRM saw of one run. */
export interface Seen {
  readonly posts: number;
  readonly puts: number;
  /** Deliveries, repeated ones included. */
  readonly delivered: number;
  /** Contacts that CXone created more than once. */
  readonly twice: number;
}

export interface Met {
  readonly scene: Scene;
  /** The ledger and CXone, right after the crash. */
  readonly ledger: string;
  readonly cxone: string;
  readonly result: ContactImportResult;
  readonly seen: Seen;
}

export interface Lane {
  readonly client: CxflowClient;
  readonly worker: (crashAt?: string) => Promise<TestProcess>;
}

const CRM = 'crm';
/** Three batches: 100, 100 and 3; two of the first are in CXone already; two rows are wrong, and two are there twice. */
const CONTACTS = csv([
  ...rows(1, 203),
  rowAt(204, { phone: '123' }),
  rowAt(205, { optInStatus: 'maybe' }),
  rowAt(5),
  rowAt(6),
]);
const KNOWN = [rowAt(10), rowAt(20)].map(apiShape);

export async function stageContacts(stand: Stand): Promise<Source> {
  const path = join(stand.folder, 'contacts.csv');
  writeFileSync(path, CONTACTS);
  return (await stand.client().stageFile(path)).source;
}

/** One request in flight, so that the crash points come in one order; the answer to the third POST of each list is lost. */
export const ENV = { CXFLOW_MAX_IN_FLIGHT: '1', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' } as const;

export function losesThirdAnswer({ name }: Scene): FaultRule {
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

interface Begun {
  readonly scene: Scene;
  readonly ended: Promise<ContactImportResult>;
}

export async function begin(stand: Stand, { client }: Lane, scene: Scene, source: Source): Promise<Begun> {
  const { name, word } = scene;
  await stand.admin.seedList(name, KNOWN);
  const input = { listId: name, source, existing: 'update', approval: true } as const;
  await client.startContactImport(input, { runId: name });
  const handle = client.temporal.workflow.getHandle(name);
  const signalled = until(
    () => client.ledger.runs.find(name),
    (run) => run?.phase === 'awaiting_approval',
  ).then(() => handle.signal(word, { by: 'dana' }));
  const ended = Promise.all([client.result<ContactImportResult>(name), signalled]).then(([result]) => result);
  // Looked at when its turn has come.
  ended.catch(() => undefined);
  return { scene, ended };
}

/** Works through the scenes until there are none left. */
export async function workThrough(
  stand: Stand,
  lane: Lane,
  scenes: Scene[],
  source: Source,
): Promise<readonly Met[]> {
  const met: Met[] = [];
  let last: (Begun & Pick<Met, 'ledger' | 'cxone'>) | null = null;
  for (;;) {
    const scene = scenes.shift();
    const worker = await lane.worker(scene ? `${scene.point}@${scene.name}` : undefined);
    if (last) {
      const result = await within(last.ended, `${last.scene.name}, killed at ${last.scene.point}, to end`);
      met.push({ ...last, result, seen: await seenOf(stand, last.scene) });
    }
    if (!scene) return met;
    const begun = await begin(stand, lane, scene, source);
    const exit = await within(worker.exited, `the worker to pass ${scene.point}`);
    expect(exit, `${scene.point} ends the worker`).toEqual({ code: null, signal: 'SIGKILL' });
    last = { ...begun, ...(await standing(stand, lane, scene)) };
    await expireLeases(stand, scene);
  }
}

/** The crash points that a tracing worker passed in one run. */
export function passedBy(output: string, { name }: Pick<Scene, 'name'>): readonly string[] {
  const lines = output.split('\n').filter((line) => line.includes('"crash point"'));
  const passed = lines.map((line) => JSON.parse(line) as { point: string; run: string });
  return passed.filter(({ run }) => run === name).map(({ point }) => point);
}

/**
 * Contacts that CXone had when their batch was repeated, and nobody can tell whether from us: the worker died before it could
 * note that the request had left.
 */
export async function countUntold(
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

/** As if its 20 s had passed: nobody is left who could use it. worker-kill.test.ts waits them out. */
export async function expireLeases(stand: Stand, { name }: Pick<Scene, 'name'>): Promise<void> {
  await query(stand, (db) =>
    sql`update writes set lease_until = clock_timestamp() where state = 'sending'
      and run_no = (select run_no from runs where run_id = ${name})`.execute(db),
  );
}

async function standing(stand: Stand, { client }: Lane, { name }: Scene) {
  const run = await client.ledger.runs.find(name);
  const { rows: states } = await query(stand, (db) =>
    sql<{ state: string; n: number }>`select state, count(*)::int as n from writes
      where run_no = ${run?.run_no ?? 0} group by state
      order by array_position(array['settled', 'sending', 'unanswered', 'planned'], state)`.execute(db),
  );
  const writes = states.map(({ state, n }) => `${n} ${state}`).join(', ');
  const applied = await appliedOf(stand, name);
  return {
    ledger: run ? [run.state === 'running' ? run.phase : run.state, writes].filter(Boolean).join(': ') : '–',
    cxone: `${applied.create} created, ${applied.update} updated`,
  };
}

async function appliedOf(stand: Stand, list: string) {
  const applied = { create: 0, update: 0, seed: 0, edit: 0 };
  for (const { action } of await stand.admin.journal({ list })) applied[action] += 1;
  return applied;
}

export async function seenOf(stand: Stand, { name }: Scene): Promise<Seen> {
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
    `${name}: one event, two bodies`,
  ).toEqual([]);
  const { rows: events } = await query(stand, (db) =>
    sql<{
      id: string;
    }>`select event_id as id from outbox join runs using (run_no) where run_id = ${name}`.execute(db),
  );
  expect([...bodies.keys()].sort(), `${name}: every event is delivered`).toEqual(
    events.map(({ id }) => id).sort(),
  );
  const created = (await stand.admin.journal({ list: name })).filter(({ action }) => action === 'create');
  return {
    twice: created.length - new Set(created.map(({ contactId }) => contactId)).size,
    posts: requests.filter(({ method }) => method === 'POST').length,
    puts: requests.filter(({ method }) => method === 'PUT').length,
    delivered: deliveries.length,
  };
}
