/** Runs workflows against stubbed activities, on a real Temporal server or on one that skips time. */
import { fileURLToPath } from 'node:url';
import { Client, type WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, type Duration } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest';
import type { PageResult } from '../../src/activities/engine/page-worker.ts';
import type { Plan } from '../../src/activities/engine/plan.ts';
import type { Activities } from '../../src/activities/index.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Counts, Phase } from '../../src/domain/run.ts';
import type { CarryOver } from '../../src/workflows/engine/carry-over.ts';
import { freshNamespace } from '../harness/fresh.ts';
import { startOwnTemporal } from '../harness/servers.ts';
import { eventually } from '../harness/wait.ts';

export const PLAN: Plan = {
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

export interface StubOverrides extends Partial<Stubs> {
  readonly planned?: Partial<Plan>;
}

const notExpected = (): never => {
  throw new Error('runs do not call this activity');
};

/** Records every call in order. A test may replace any activity. */
export function stubActivities(overrides: StubOverrides = {}) {
  const calls: Call[] = [];
  const { planned, ...replaced } = overrides;
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
    openRun: () => ({ searchAttributes: false, hasSubscriber: false }),
    setPhase: () => undefined,
    stageRecords: () => undefined,
    planWrites: () => plan,
    replanWrites: () => null,
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
    trackMessages: () => ({ counts: counts(), isEnded: true, notBefore: null, policyBounces: 0, optOuts: 0 }),
    judgeCanary: () => ({ passes: true, why: 'the first share was fine' }),
    stageOptOuts: () => null,
    markOptOutsSynced: () => undefined,
    closeRun: ({ runId, state }) => ({ runId, state, counts: counts() }),
    // Activities of the small workflows, which have their own tests.
    checkEligibility: notExpected,
    checkRows: notExpected,
    countCheckedRows: notExpected,
    eraseSubject: notExpected,
    ...replaced,
  };
  const activities = Object.fromEntries(
    Object.entries(stubs).map(([name, stub]) => [
      name,
      async (...args: never[]) => {
        calls.push({ name, arg: args[0] });
        try {
          return await stub(...args);
        } catch (error) {
          // Temporal would try again for ever what a stub expects in vain.
          if (error instanceof Error && error.name === 'AssertionError')
            throw fatalFailure('Test', error.message);
          throw error;
        }
      },
    ]),
  );
  return {
    activities,
    calls,
    named: (name: string) => calls.filter((call) => call.name === name).map((c) => c.arg),
  };
}

/** One write is in doubt until it is resolved. */
export function oneInDoubt(): StubOverrides {
  let open = true;
  return {
    listInDoubt: () =>
      open ? [{ id: '7', batch: 2, records: 100, sentAt: null, knownSent: true, resent: false }] : [],
    resolveInDoubt: () => {
      open = false;
      return 1;
    },
  };
}

export function settledPage(counts: Counts): PageResult {
  return { counts, left: 0, waitMs: 0, halted: null };
}

export function fatalFailure(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** Waits until the run has stored its phase. */
export async function waitForPhase(stubs: ReturnType<typeof stubActivities>, wanted: Phase): Promise<void> {
  const phases = () => (stubs.named('setPhase') as { phase: Phase }[]).map((call) => call.phase);
  await eventually(() => expect(phases()).toContain(wanted));
}

/** A Temporal server to run workflows on. */
export interface TestServer {
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Ids of the workflows whose histories are replayed at the end of the file; null: they cannot be replayed. */
  readonly toReplay: string[] | null;
  /** Skips time. Only on the time-skipping server. */
  readonly skip: (duration: Duration) => Promise<void>;
  /** Milliseconds since 1970 on the server's clock, which skipping moves on. */
  readonly now: () => Promise<number>;
}

let workflowBundle: WorkflowBundle;
let runs = 0;
const quiet = new DefaultLogger('ERROR');

/** Available once one of the servers is in use. */
export const currentBundle = (): WorkflowBundle => workflowBundle;

async function bundle(): Promise<void> {
  Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'OFF' } } });
  const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: quiet });
}

async function connectTo(address: string, namespace: string): Promise<TestServer> {
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const skip = () => Promise.reject(new Error('a real server cannot skip time'));
  return { client, connection, namespace, toReplay: [], skip, now: () => Promise.resolve(Date.now()) };
}

/** A real server. At the end of the file all histories are replayed. */
export function useRealServer(): () => TestServer {
  let server: TestServer;
  beforeAll(async () => {
    await bundle();
    server = await connectTo(inject('temporalAddress'), freshNamespace());
    return async () => {
      await replayAll(server);
      await server.connection.close();
    };
  });
  return () => server;
}

/** A real server that suggests continue-as-new after so many events. At the end all histories are replayed. */
export function useShortHistories(events: number): () => TestServer {
  let server: TestServer;
  beforeAll(async () => {
    await bundle();
    const limit = ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${events}`];
    const temporal = await startOwnTemporal({ extraArgs: limit });
    server = await connectTo(temporal.current().address, 'default');
    return async () => {
      try {
        const workflows = server.toReplay?.length ?? 0;
        expect(await replayAll(server), 'replayed executions').toBeGreaterThan(workflows);
      } finally {
        await server.connection.close();
        await temporal.remove();
      }
    };
  });
  return () => server;
}

/**
 * Replays histories like a worker that does not have the workflow in its cache. Returns the number of executions, which is
 * larger than the number of workflows if some continued as new.
 */
async function replayAll({ client, toReplay }: TestServer): Promise<number> {
  const histories = (await Promise.all((toReplay ?? []).map((id) => fetchHistories(client, id)))).flat();
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    expect(error, `the replay of ${workflowId}`).toBe(undefined);
    replayed += 1;
  }
  expect(replayed, 'replayed executions').toBe(histories.length);
  return replayed;
}

/** The histories of the last execution of a workflow, and of the executions that it continues: the last one first. */
export async function fetchHistories(client: Client, workflowId: string) {
  const histories = [];
  let runId: string | null | undefined;
  do {
    const history = await client.workflow.getHandle(workflowId, runId ?? undefined).fetchHistory();
    histories.push({ workflowId, history });
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  } while (runId);
  return histories;
}

/**
 * The time-skipping server, for what waits. It writes the events of an update in a different order than the commands, so a
 * replay of them fails. And it refuses a workflow task that cancels an activity whose end the workflow has not heard of yet
 * (FAILED_PRECONDITION, ACTIVITY_UNKNOWN), and forgets that it owes the workflow another one, so the run stands still. The same
 * happens if the activity has not been started yet. It can be cancelled only while it waits for its next attempt, so tests wait
 * for that (email-send-days.test.ts); whatever cannot wait runs on a real server, which has neither fault.
 *
 * It keeps the timers of what was cancelled, and skips to them when no test runs, by years if need be. A test that reads the
 * clock before its run starts wants a server of its own: `life`.
 */
export function useTimeSkippingServer(life: 'file' | 'test' = 'file'): () => TestServer {
  let env: TestWorkflowEnvironment;
  const start = async () => {
    const path = inject('timeSkippingServer');
    const server = { executable: { type: 'existing-path', path } } as const;
    // The SDK gives it five seconds to start, which is too little on a busy machine.
    env = await eventually(() => TestWorkflowEnvironment.createTimeSkipping({ server }));
  };
  const stop = () => env.teardown();
  beforeAll(bundle);
  if (life === 'file') {
    beforeAll(start);
    afterAll(stop);
  } else {
    beforeEach(start);
    afterEach(stop);
  }
  return () => ({
    client: env.client,
    connection: env.nativeConnection,
    namespace: 'default',
    toReplay: null,
    skip: (duration) => env.sleep(duration),
    now: () => env.currentTimeMs(),
  });
}

type EarlySignal = readonly [signal: string, message: unknown];

/** Runs a contact import against stubs, and returns what `interact` returns. `early`: signals that arrive with the start. */
export function runImport<T>(
  server: TestServer,
  stubs: ReturnType<typeof stubActivities>,
  input: Partial<ContactImportInput> & Record<string, unknown>,
  interact: (handle: WorkflowHandle) => Promise<T>,
  early: readonly EarlySignal[] = [],
): Promise<T> {
  const args = { listId: 'L1', source: { dataset: 'ds' }, ...input };
  return runWorkflow(server, stubs, { type: 'contactImport', args }, interact, early);
}

/** Like runImport, for any workflow. `carryOver`: it continues an earlier execution. */
export async function runWorkflow<T>(
  server: TestServer,
  stubs: ReturnType<typeof stubActivities>,
  {
    type,
    args,
    carryOver,
  }: { readonly type: string; readonly args: unknown; readonly carryOver?: CarryOver },
  interact: (handle: WorkflowHandle) => Promise<T>,
  early: readonly EarlySignal[] = [],
): Promise<T> {
  runs += 1;
  const taskQueue = `workflows-${process.pid}-${runs}`;
  const { connection, namespace } = server;
  const handle = await server.client.workflow.start(type, {
    taskQueue,
    workflowId: taskQueue,
    args: carryOver ? [args, carryOver] : [args],
  });
  for (const [signal, message] of early) await handle.signal(signal, message);
  server.toReplay?.push(taskQueue);
  const options = { connection, namespace, taskQueue, workflowBundle };
  const worker = await Worker.create({ ...options, activities: stubs.activities });
  return worker.runUntil(async () => {
    try {
      return await interact(handle);
    } catch (error) {
      // A workflow without a worker would keep the time-skipping server from skipping time for the tests that follow.
      await handle.terminate('its test has failed').catch(() => undefined);
      throw error;
    }
  });
}

/** The failure with which the workflow ends. */
export async function getFailure(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error = await handle.result().then(
    () => null,
    (reason: WorkflowFailedError) => reason,
  );
  expect(error?.cause).toBeInstanceOf(ApplicationFailure);
  return error?.cause as ApplicationFailure;
}
