/** Starts everything on this machine, and imports fictitious contacts into the simulator. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { formatCount, plural } from '../../domain/numbers.ts';
import { withoutServers } from '../../stack/environment.ts';
import { readStack, stackEnvironment } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { writeDemoContacts } from '../dev/demo-contacts.ts';
import { requireSimulator } from '../dev/demo-target.ts';
import {
  type CliStack,
  type Interruption,
  listenForInterruption,
  renderAddresses,
  startCliStack,
  untilInterrupted,
} from '../dev/stack.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderSteps, type Step } from '../render/next-steps.ts';
import { openPreparedSession } from '../session.ts';
import { type Output, openOutput } from '../terminal/output.ts';
import { type ImportOptions, importContacts } from './contacts-import.ts';

export interface DemoOptions {
  readonly rows: number;
  readonly seed: number;
  readonly once?: boolean;
}

/** Throws UsageError if the contacts would not be written to a simulator. */
export async function runDemo(cli: Cli, options: DemoOptions): Promise<ExitCode> {
  const output = openOutput(cli);
  await requireSimulator(cli.env, readStack(cli.stackDir)?.addresses?.simulatorUrl);
  const interruption = listenForInterruption();
  const stack = await startUnlessRunning(cli, output);
  try {
    if (interruption.hasCome()) return EXIT.ok;
    const demo = await prepareDemo(cli, options, output);
    const code = await importContacts(useStack(cli), demo.file, demo.options);
    // Some contacts are invalid on purpose, so records that need attention are what the demo is meant to show.
    const worked: readonly ExitCode[] = [EXIT.ok, EXIT.needsAttention, EXIT.interrupted];
    if (!worked.includes(code)) return code;
    const stays = stack === null || (output.stream.isTTY === true && options.once !== true);
    await finishDemo({ cli, demo, stack, stays, interruption, output });
    return EXIT.ok;
  } finally {
    interruption.release();
    await stack?.stop();
  }
}

interface Finish {
  readonly cli: Cli;
  readonly demo: Demo;
  /** Null if the stack belongs to another command. */
  readonly stack: CliStack | null;
  readonly stays: boolean;
  readonly interruption: Interruption;
  readonly output: Output;
}

async function finishDemo({ cli, demo, stack, stays, interruption, output }: Finish): Promise<void> {
  if (interruption.hasCome()) {
    if (stack) output.print(`everything stops now; \`${cli.command} dev\` continues the import`);
    return;
  }
  printExperiments(cli, demo, stays, output);
  if (!stack || !stays) return;
  output.print('\nEverything keeps running until Ctrl-C. Use another terminal for the commands above.');
  await untilInterrupted(interruption);
}

/** The stack takes precedence over the environment, because the demo must not write to any other server. */
function useStack(cli: Cli): Cli {
  const env = { ...withoutServers(cli.env), ...stackEnvironment(cli.stackDir) };
  return { ...cli, env, openSession: () => openPreparedSession({ ...cli, env }) };
}

async function startUnlessRunning(cli: Cli, output: Output): Promise<CliStack | null> {
  const running = readStack(cli.stackDir);
  if (running?.addresses) {
    output.print(`using the stack that runs in this folder\n${renderAddresses(running.addresses)}\n`);
    return null;
  }
  output.print('starting PostgreSQL, Temporal, a CXone simulator and a worker');
  const stack = await startCliStack(cli, { simulator: true, worker: true }, output);
  output.print(`${renderAddresses(stack.addresses)}\n`);
  return stack;
}

interface Demo {
  readonly file: string;
  readonly listId: string;
  readonly runId: string;
  readonly options: ImportOptions;
}

/** Every demo has a list of its own, because the same content for the same list would be the same run. */
async function prepareDemo(cli: Cli, { rows, seed }: DemoOptions, output: Output): Promise<Demo> {
  const folder = join(cli.stackDir, 'demo');
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'contacts.csv');
  const counts = await writeDemoContacts({ path, rows, seed });
  const file = relative(cli.cwd, path);
  const invalid = `${formatCount(counts.invalid)} invalid and ${formatCount(counts.duplicate)} duplicate`;
  output.print(`wrote ${file}: ${plural(rows, 'contact')}, ${invalid} on purpose (seed ${seed})`);
  const listId = `demo-${timestamp()}`;
  const runId = `contact-import:${listId}`;
  return { file, listId, runId, options: { list: listId, id: runId, requestedBy: cli.login } };
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

function printExperiments(cli: Cli, demo: Demo, stays: boolean, { print }: Output): void {
  const title = stays
    ? 'try'
    : `try, while \`${cli.command} dev\` runs in another terminal (the data is kept)`;
  const steps = [...inspectionSteps(cli, demo), ...(stays ? [killWorkerStep(cli, demo)] : [])];
  print(`\n${renderSteps(title, steps)}`);
}

function inspectionSteps({ command }: Cli, { file, listId, runId }: Demo): readonly Step[] {
  return [
    {
      what: 'an import that waits for your approval',
      command: `${command} contacts import ${file} --list ${listId}-approval --approval`,
    },
    { what: 'what happened, and who did it', command: `${command} audit --run ${runId}` },
  ];
}

function killWorkerStep({ command, stackDir }: Cli, { file, listId }: Demo): Step {
  const worker = readStack(stackDir)?.processes.worker?.pid ?? 'PID';
  const list = `${listId}-killed`;
  const run = `contact-import:${list}`;
  const start = `${command} contacts import ${file} --list ${list} --id ${run} --detach`;
  return {
    what: 'kill the worker during an import: nothing is lost, and nothing is written twice',
    command: `${start} && sleep 2 && kill -9 ${worker} && ${command} watch ${run}`,
  };
}
