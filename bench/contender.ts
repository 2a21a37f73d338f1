/** A contender runs the bench's tasks in a process of its own, so that its CPU and memory can be measured. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Batches, createBatches, RECORDS_PER_BATCH } from './batch.ts';

export interface Task {
  readonly runNo: number;
  readonly records: number;
  readonly concurrency: number;
}

/** `ready` first, then one report per task. */
type Report = { readonly ready: true } | TaskReport | { readonly error: string };

interface TaskReport {
  readonly ms: number;
  /** What the task returned. */
  readonly figures?: unknown;
}

export interface ContenderEnv {
  readonly DATABASE_URL: string;
  readonly VENDOR_URL: string;
}

// --- in the contender's process -----------------------------------------------------------------------------

export type RunTask = (task: Task & { readonly batches: number }) => Promise<void>;

/** `prepare` does what is not timed (schemas, connections) and returns the function to be timed. */
export async function serve(prepare: (batches: Batches, databaseUrl: string) => Promise<RunTask>) {
  const { DATABASE_URL: databaseUrl = '', VENDOR_URL: vendorUrl = '' } = process.env;
  // As many connections as the largest concurrency needs, so that no contender waits for one.
  const run = await prepare(createBatches({ databaseUrl, vendorUrl, connections: 40 }), databaseUrl);
  serveTasks((task: Task) => run({ ...task, batches: Math.ceil(task.records / RECORDS_PER_BATCH) }));
}

/** Runs each task that the bench's process sends, and reports the time it took and what it returned. */
export function serveTasks<AnyTask>(run: (task: AnyTask) => Promise<unknown>): void {
  process.on(
    'message',
    (task: AnyTask) => void timed(() => run(task)).then((report) => process.send?.(report)),
  );
  process.on('disconnect', () => process.exit());
  process.send?.({ ready: true } satisfies Report);
}

async function timed(run: () => Promise<unknown>): Promise<Report> {
  const startedAt = performance.now();
  try {
    const figures = await run();
    return { ms: performance.now() - startedAt, figures };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// --- in the bench's process ---------------------------------------------------------------------------------

export interface Contender<AnyTask = Task> {
  readonly pid: number;
  run(task: AnyTask): Promise<TaskReport>;
  end(): Promise<void>;
}

/** `script` is a path relative to this folder. */
export async function startContender<AnyTask extends object = Task>(
  script: string,
  env: ContenderEnv,
): Promise<Contender<AnyTask>> {
  const child = forkScript(script, { ...env });
  const first = await nextReport(child, script);
  if (!('ready' in first)) throw new Error(`${script} did not start: ${JSON.stringify(first)}`);
  return {
    pid: child.pid ?? -1,
    async run(task) {
      child.send(task);
      const report = await nextReport(child, script);
      if (!('ms' in report))
        throw new Error(`${script}: ${'error' in report ? report.error : 'unexpected report'}`);
      return report;
    },
    end: () => killChild(child),
  };
}

export function forkScript(script: string, env: Readonly<Record<string, string>>): ChildProcess {
  const { PATH, HOME } = process.env;
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: ['--import', tsx],
    env: { PATH, HOME, ...env },
  });
}

export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function nextReport(child: ChildProcess, script: string): Promise<Report> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error(`${script} has exited`));
    child.once('exit', onExit);
    child.once('message', (report) => {
      child.off('exit', onExit);
      resolve(report as Report);
    });
  });
}
