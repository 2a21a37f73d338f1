/** Does to an import what a plan says, brings everybody back, and asks the witnesses of conservation.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { DecisionRefused } from '../../src/client.ts';
import type { ContactImportInput, ContactImportResult } from '../../src/contract/contact-import.ts';
import type { Decision, SteeringAction } from '../../src/contract/steering.ts';
import { onStand, type Stand, type StandOptions } from '../faults/stand.ts';
import type { Processes, TestProcess } from '../harness/processes.ts';
import type { Restartable } from '../harness/servers.ts';
import { apiShape, csv, rowAt, rows } from '../scenarios/contacts.ts';
import type { ChaosEvent, ChaosPlan } from './plan.ts';
import { endingLine, eventWords, planLines } from './words.ts';

export interface Servers {
  readonly temporal: Pick<Restartable<{ readonly address: string }>, 'current' | 'kill' | 'restart'>;
  readonly postgres: Pick<Restartable<unknown>, 'kill' | 'restart'>;
}

export interface Chaos {
  readonly plan: ChaosPlan;
  readonly servers: Servers;
  /** A database and a namespace on those servers. */
  readonly databaseUrl: string;
  readonly namespace: string;
  readonly tell: (line: string) => void;
}

const LIST = 'chaos';
/** An event waits no longer than this for the writing to come so far. */
const PATIENCE_MS = 8_000;
const ENDS_WITHIN_MS = 240_000;

/** Returns how often something struck while the run was under way: events of the plan, and faults of CXone. */
export async function wreak(processes: Processes, chaos: Chaos): Promise<number> {
  const { plan, tell } = chaos;
  let struck = 0;
  for (const line of planLines(plan)) tell(line);
  await onStand(processes, optionsOf(chaos), async (stand) => {
    const startedAt = performance.now();
    const input = await prepare(stand, plan);
    const crew = await createCrew(stand, plan.workers);
    const { runId } = await stand.client().startContactImport(input);
    let hasEnded = false;
    const ended = stand.ended(runId, ENDS_WITHIN_MS).finally(() => (hasEnded = true));
    ended.catch(() => undefined);
    const scene: Scene = { ...chaos, stand, crew, input, runId, hasEnded: () => hasEnded };
    for (const event of plan.events) if (await happen(scene, event)) struck += 1;
    await crew.all();
    const result = await ended;
    const { state } = result;
    const counts = await stand.conserved(runId, { result, state });
    expectRightCounts(plan, result);
    const met = await seen(stand);
    struck += met.strikes;
    tell(endingLine({ state, counts, tookMs: performance.now() - startedAt, ...met }));
  });
  return struck;
}

function optionsOf({ plan, servers, databaseUrl, namespace }: Chaos): StandOptions {
  const { latencyMs, faults, seed, naming, atomic, inFlight, ratePerMinute } = plan;
  return {
    databaseUrl,
    temporalAddress: servers.temporal.current().address,
    namespace,
    latencyMs,
    faults,
    seed,
    simulatorArgs: ['--naming', naming, ...(atomic ? [] : ['--non-atomic'])],
    env: {
      CXFLOW_MAX_IN_FLIGHT: String(inFlight),
      CXFLOW_RATE_PER_MINUTE: String(ratePerMinute),
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
    },
  };
}

/** The source, with what is wrong in it at its end, and what CXone has before. */
async function prepare(stand: Stand, { rows: { valid, invalid, duplicate }, known, existing }: ChaosPlan) {
  const path = join(stand.folder, 'contacts.csv');
  const wrong = Array.from({ length: invalid }, (_, n) => rowAt(valid + n + 1, { phone: '123' }));
  const again = Array.from({ length: duplicate }, (_, n) => rowAt(n + 1));
  writeFileSync(path, csv([...rows(1, valid), ...wrong, ...again]));
  // Spread over all batches.
  const step = Math.max(1, Math.floor(valid / Math.max(1, known)));
  const seeded = Array.from({ length: known }, (_, n) => apiShape(rowAt(1 + ((n * step) % valid))));
  if (known > 0) await stand.admin.seedList(LIST, seeded);
  const { source } = await stand.client().stageFile(path);
  return { listId: LIST, source, existing } satisfies ContactImportInput;
}

/** CXone refuses what it has, so every good record gets there, or the run was cancelled. */
function expectRightCounts({ rows: { valid, invalid, duplicate } }: ChaosPlan, result: ContactImportResult) {
  const { created = 0, updated = 0, existing = 0, cancelled = 0, in_doubt = 0 } = result.counts;
  const reached = created + updated + existing;
  const of = result.state === 'cancelled' ? reached + cancelled + in_doubt : reached;
  expect({ valid: of, ...pickOf(result.counts) }).toEqual({ valid, invalid, duplicate });
}

const pickOf = ({ invalid = 0, duplicate = 0 }: ContactImportResult['counts']) => ({ invalid, duplicate });

async function seen(stand: Stand) {
  const { requests } = await stand.admin.stats();
  const posts = Object.values(requests['POST /api/v2/contactlists/:listId/records'] ?? {});
  const strikes = (await stand.admin.faults()).reduce((sum, rule) => sum + rule.injected, 0);
  return { strikes, posts: posts.reduce((sum, n) => sum + n, 0) };
}

/** The workers, by the number that the plan has for them. */
async function createCrew(stand: Stand, count: number) {
  const env = { CRM_WEBHOOK_URL: stand.admin.webhookUrl('crm') };
  const members: TestProcess[] = [];
  const returning: Promise<unknown>[] = [];
  const of = (worker: number): TestProcess => members[worker - 1] as TestProcess;
  const hire = (worker: number): void => void (members[worker - 1] = stand.worker(env));
  for (let worker = 1; worker <= count; worker += 1) hire(worker);
  await Promise.all(members.map((member) => member.waitFor(/worker is ready/)));
  const later = (ms: number, comes: () => unknown): void => void returning.push(delay(ms).then(comes));
  return {
    async kill(worker: number, awayMs: number) {
      await of(worker).kill();
      later(awayMs, () => hire(worker));
    },
    async end(worker: number, awayMs: number) {
      // One that sleeps hears nothing; one that waits for its servers ends at once.
      of(worker).resume();
      await of(worker).terminate(25_000);
      later(awayMs, () => hire(worker));
    },
    stop(worker: number, awayMs: number) {
      const sleeper = of(worker);
      sleeper.pause();
      later(awayMs, () => sleeper.resume());
    },
    /** Everybody is back, and awake. */
    all: () => Promise.all(returning),
  };
}

interface Scene extends Chaos {
  readonly stand: Stand;
  readonly crew: Awaited<ReturnType<typeof createCrew>>;
  readonly input: ContactImportInput;
  readonly runId: string;
  readonly hasEnded: () => boolean;
}

/** False: the run had ended before. */
async function happen(scene: Scene, event: ChaosEvent): Promise<boolean> {
  const { plan, stand, tell, hasEnded } = scene;
  const wanted = event.at * plan.rows.valid;
  const appliedNow = () => stand.admin.health().then(({ lists }) => lists[LIST] ?? 0);
  const deadline = performance.now() + PATIENCE_MS;
  let applied = await appliedNow();
  while (applied < wanted && !hasEnded() && performance.now() < deadline) {
    await delay(25);
    applied = await appliedNow();
  }
  const percent = Math.round((100 * Math.min(applied, plan.rows.valid)) / plan.rows.valid);
  const inTime = !hasEnded();
  tell(`  ${String(percent).padStart(3)} %  ${eventWords(event)}${inTime ? '' : ' (the run had ended)'}`);
  await take(scene, event);
  return inTime;
}

async function take({ crew, servers, stand, input, runId }: Scene, event: ChaosEvent): Promise<void> {
  const said = (action: SteeringAction) => decided(stand, runId, { action, by: 'chaos' });
  switch (event.what) {
    case 'kill worker':
      return crew.kill(event.worker, event.awayMs);
    case 'end worker':
      return crew.end(event.worker, event.awayMs);
    case 'stop worker':
      return crew.stop(event.worker, event.awayMs);
    case 'kill Temporal':
      return comesBack(servers.temporal, event.awayMs);
    case 'kill PostgreSQL':
      return comesBack(servers.postgres, event.awayMs);
    case 'kill CXone':
      return comesBack(
        { kill: () => stand.simulator().kill(), restart: stand.restartSimulator },
        event.awayMs,
      );
    case 'pause':
      await said('pause');
      await delay(event.awayMs);
      return said('resume');
    case 'cancel':
      return said('cancel');
    case 'revoke tokens':
      return void (await stand.admin.revokeTokens());
    case 'start again':
      return startsTheSame(stand, input, runId);
  }
}

async function startsTheSame(stand: Stand, input: ContactImportInput, runId: string): Promise<void> {
  const again = await stand.client().startContactImport(input);
  expect(again.runId, 'the same content is the same run').toBe(runId);
}

interface Mortal {
  readonly kill: () => Promise<unknown>;
  readonly restart: () => Promise<unknown>;
}

async function comesBack({ kill, restart }: Mortal, awayMs: number): Promise<void> {
  await kill();
  await delay(awayMs);
  await restart();
}

/** Until it is taken, or refused because the run has ended or was in no state for it. */
async function decided(stand: Stand, runId: string, decision: Decision): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await stand.client().decide(runId, decision);
      return;
    } catch (error) {
      if (error instanceof DecisionRefused) return;
      if (performance.now() > deadline) throw error;
      await delay(500);
    }
  }
}
