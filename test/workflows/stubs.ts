/** Activities that answer from a script, and the servers on which a workflow is played against them. */
import { fileURLToPath } from 'node:url';
import { ApplicationFailure } from '@temporalio/common';
import { Client, type WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, vi } from 'vitest';
import type { Activities } from '../../src/activities/index.ts';
import type { PageResult } from '../../src/activities/engine/page-worker.ts';
import type { Plan } from '../../src/activities/engine/plan.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Counts, Phase } from '../../src/domain/run.ts';
import { freshNamespace } from '../harness/fresh.ts';

const PLAN: Plan = {
  hash: 'plan-1',
  list: 'L1',
  total: 350,
  toWrite: 300,
  invalid: 40,
  duplicate: 10,
  batches: 3,
  pageBatches: 1,
  estimatedSeconds: null,
  options: {},
  reasons: [],
};

export interface Call {
  readonly name: string;
  readonly arg: unknown;
}

type Stubs = { [K in keyof Activities]: (...args: Parameters<Activities[K]>) => unknown };

export interface Script extends Partial<Stubs> {
  readonly planned?: Partial<Plan>;
}

const notOfARun = (): never => {
  throw new Error('no run calls this');
};

/** Every call in order; each activity may be replaced by the test. */
export function stubActivities(script: Script = {}) {
  const calls: Call[] = [];
  const { planned, ...replaced } = script;
  const plan = { ...PLAN, ...planned };
  let pending = plan.toWrite;
  const counts = (): Counts => ({
    total: plan.total,
    pending,
    invalid: plan.invalid,
    duplicate: plan.duplicate,
    created: plan.toWrite - pending,
  });
  const stubs: Stubs = {
    openRun: () => ({ startedAt: '2026-01-01T00:00:00.000Z', searchAttributes: false, hasSubscriber: false }),
    setPhase: () => undefined,
    stageRecords: () => undefined,
    planWrites: () => plan,
    steerRun: () => undefined,
    recordDecision: () => undefined,
    recordRefusal: () => undefined,
    listInDoubt: () => [],
    resolveInDoubt: () => 1,
    writePage: ({ fromBatch, toBatch }) => {
      pending = Math.max(0, pending - 100 * (toBatch - fromBatch + 1));
      return settledPage(counts());
    },
    endPending: () => undefined,
    readSelection: () => ({ snapshot: '1', version: 4 }),
    readCampaign: () => ({ snapshot: '1', version: 4 }),
    planSelection: () => ({ ...plan, total: 1, toWrite: 1, changes: ['+ list L2: target'] }),
    writeSelection: () => ({ kind: 'done', outcome: 'updated', version: 5 }),
    leaveConflict: () => undefined,
    deliverEvents: () => ({ done: true }),
    closeRun: ({ runId, state }) => ({ runId, state, counts: counts() }),
    // Of the small workflows, which have tests of their own.
    checkEligibility: notOfARun,
    checkRows: notOfARun,
    checkedThrough: notOfARun,
    erasePerson: notOfARun,
    ...replaced,
  };
  const activities = Object.fromEntries(
    Object.entries(stubs).map(([name, stub]) => [
      name,
      async (...args: never[]) => {
        calls.push({ name, arg: args[0] });
        return await stub(...args);
      },
    ]),
  );
  return {
    activities,
    calls,
    named: (name: string) => calls.filter((call) => call.name === name).map((c) => c.arg),
  };
}

/** One write in doubt until somebody resolves it. */
export function doubtedActivities() {
  let open = true;
  return stubActivities({
    listInDoubt: () => (open ? [{ id: '7', batch: 2, records: 100, sentAt: null, resent: false }] : []),
    resolveInDoubt: () => {
      open = false;
      return 1;
    },
  });
}

export function settledPage(counts: Counts): PageResult {
  return { counts, left: 0, waitMs: 0, halted: null };
}

export function fatalFailure(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}

/**
 * Waits until the run has told its phase. Not by a query: on a worker without a cache, queries make the SDK drop
 * workflow tasks now and then, each of which costs ten seconds.
 */
export async function phase(stubs: ReturnType<typeof stubActivities>, wanted: Phase): Promise<void> {
  const told = () => (stubs.named('setPhase') as { phase: Phase }[]).map((call) => call.phase);
  await vi.waitFor(() => expect(told()).toContain(wanted), { timeout: 30_000, interval: 20 });
}

/** Where a scene is played: a server, and whether a worker keeps workflows between two of their tasks. */
export interface Stage {
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly maxCachedWorkflows: number;
  /** Lets so much time pass; only where time can be skipped. */
  readonly skip: (duration: '9 days') => Promise<void>;
}

let workflowBundle: WorkflowBundle;
let runs = 0;
const quiet = new DefaultLogger('ERROR');

/** Once a stage is in use. */
export const bundled = (): WorkflowBundle => workflowBundle;

async function bundle(): Promise<void> {
  Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'OFF' } } });
  const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: quiet });
}

/** A real server, and no workflow cache: each workflow task replays the history before it. */
export function useRealServer(): () => Stage {
  let stage: Stage;
  beforeAll(async () => {
    await bundle();
    const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
    const namespace = freshNamespace();
    const client = new Client({ connection, namespace });
    stage = {
      client,
      connection,
      namespace,
      maxCachedWorkflows: 0,
      skip: () => Promise.reject(new Error('real time')),
    };
  });
  afterAll(() => stage.connection.close());
  return () => stage;
}

/**
 * The time-skipping server. With a workflow cache: it writes the events of an update in another order than the
 * commands came, so that a replay of them fails there, and only there.
 */
export function useTimeSkipping(): () => Stage {
  let env: TestWorkflowEnvironment;
  beforeAll(async () => {
    await bundle();
    const path = inject('timeSkippingServer');
    env = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path } },
    });
  });
  afterAll(() => env.teardown());
  return () => ({
    client: env.client,
    connection: env.nativeConnection,
    namespace: 'default',
    maxCachedWorkflows: 100,
    skip: (duration) => env.sleep(duration),
  });
}

type Early = readonly [signal: string, message: unknown];

/** Runs one import against stubs while the scene looks at it. `early`: signals that come with the start. */
export function play<T>(
  stage: Stage,
  stubs: ReturnType<typeof stubActivities>,
  input: Partial<ContactImportInput> & Record<string, unknown>,
  scene: (handle: WorkflowHandle) => Promise<T>,
  early: readonly Early[] = [],
): Promise<T> {
  const args = { listId: 'L1', source: { dataset: 'ds' }, ...input };
  return playWorkflow(stage, stubs, { type: 'contactImport', args }, scene, early);
}

/** The same with any workflow. */
export async function playWorkflow<T>(
  stage: Stage,
  stubs: ReturnType<typeof stubActivities>,
  { type, args }: { readonly type: string; readonly args: unknown },
  scene: (handle: WorkflowHandle) => Promise<T>,
  early: readonly Early[] = [],
): Promise<T> {
  runs += 1;
  const taskQueue = `workflows-${process.pid}-${runs}`;
  const { connection, namespace, maxCachedWorkflows } = stage;
  const handle = await stage.client.workflow.start(type, { taskQueue, workflowId: taskQueue, args: [args] });
  for (const [signal, message] of early) await handle.signal(signal, message);
  const options = { connection, namespace, taskQueue, workflowBundle, maxCachedWorkflows };
  const worker = await Worker.create({ ...options, activities: stubs.activities });
  return worker.runUntil(() => scene(handle));
}
