/** `cxflow demo`: everything on one machine, and an import of made-up contacts, watched to its end. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readStack, stackEnvironment } from '../../stack/stack-file.ts';
import { type Cli, type Output, outputOf } from '../cli.ts';
import { writeDemoContacts } from '../dev/demo-contacts.ts';
import { requireSimulator } from '../dev/demo-target.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { renderSteps, type Step } from '../render/next-steps.ts';
import { openSession } from '../session.ts';
import {
  awaitInterruption,
  type CliStack,
  type Interruption,
  renderAddresses,
  startCliStack,
  untilInterrupted,
} from '../dev/stack.ts';
import { type AddCommand, examples, wholeNumber } from './command.ts';
import { importContacts, type ImportOptions } from './contacts-import.ts';

export interface DemoOptions {
  readonly rows: number;
  readonly seed: number;
  readonly once?: boolean;
}

const MOST_ROWS = 1_000_000;

export const addDemo: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['demo', 'ten thousand contacts; then stays, for you to look around'],
    ['demo --once --rows 100000 --seed 42', 'others, more of them, and stop when they are imported'],
  ] as const;
  parent
    .command('demo')
    .summary('see an import: start everything, import made-up contacts')
    .description(
      'Starts everything as `dev` does (or uses the `dev` that runs in this folder) and imports made-up contacts,\n' +
        'some of them wrong on purpose, into a fresh list of the simulator. On a terminal it then stays until Ctrl-C.',
    )
    .option('--rows <n>', 'how many contacts', wholeNumber(1, MOST_ROWS), 10_000)
    .option('--seed <n>', 'another seed, other contacts', wholeNumber(0, 4_294_967_295), 7)
    .option('--once', 'stop everything after the import, also on a terminal')
    .addHelpText('after', examples(cli, lines))
    .action(async (options: DemoOptions) => finish(await runDemo(cli, options)));
};

/** Errors: UsageError where the contacts would not go into a simulator. */
export async function runDemo(cli: Cli, options: DemoOptions): Promise<ExitCode> {
  const output = outputOf(cli);
  const running = readStack(cli.stackDir);
  await requireSimulator(cli.env, running?.addresses?.simulatorUrl);
  const interruption = awaitInterruption();
  const stack = await startUnlessRunning(cli, output);
  try {
    if (interruption.hasCome()) return EXIT.ok;
    const demo = await writeContacts(cli, options, output);
    const code = await importContacts(inStack(cli), demo.file, demo.options);
    // Some rows are wrong on purpose, so that a need to look at them is what a demo should come to.
    const worked = code === EXIT.ok || code === EXIT.needsALook;
    const stays = stack === null || (output.stream.isTTY === true && options.once !== true);
    if (worked && !interruption.hasCome()) {
      tellWhatToTry(cli, demo, stays, output);
      if (stack && stays) await stayUntilInterrupted(interruption, output);
    } else if (stack && worked) {
      output.say(`everything stops now; with \`${cli.command} dev\` the import goes on where it was`);
    }
    return worked ? EXIT.ok : code;
  } finally {
    interruption.release();
    await stack?.stop();
  }
}

async function stayUntilInterrupted(interruption: Interruption, { say }: Output): Promise<void> {
  say('\nEverything stays until Ctrl-C; the lines above are for another terminal.');
  await untilInterrupted(interruption);
}

/** The stack before the environment: a demo must not reach for what else is named there. */
function inStack(cli: Cli): Cli {
  const env = { ...cli.env, ...stackEnvironment(cli.stackDir) };
  return { ...cli, env, openSession: () => openSession({ ...cli, env }) };
}

async function startUnlessRunning(cli: Cli, output: Output): Promise<CliStack | null> {
  const running = readStack(cli.stackDir);
  if (running?.addresses) {
    output.say(`using the stack that runs in this folder\n${renderAddresses(running.addresses)}\n`);
    return null;
  }
  output.say('starting PostgreSQL, Temporal, a CXone simulator and a worker');
  const stack = await startCliStack(cli, { simulator: true, worker: true }, output);
  output.say(`${renderAddresses(stack.addresses)}\n`);
  return stack;
}

interface Demo {
  readonly file: string;
  readonly listId: string;
  readonly runId: string;
  readonly options: ImportOptions;
}

async function writeContacts(cli: Cli, { rows, seed }: DemoOptions, output: Output): Promise<Demo> {
  const folder = join(cli.stackDir, 'demo');
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'contacts.csv');
  const counts = await writeDemoContacts({ path, rows, seed });
  const file = relative(cli.cwd, path);
  const wrong = `${formatCount(counts.invalid)} invalid and ${formatCount(counts.duplicate)} duplicate on purpose`;
  output.say(`made ${file}: ${plural(rows, 'contact')}, ${wrong} (seed ${seed})`);
  const listId = `demo-${stamp()}`;
  const runId = `contact-import:${listId}`;
  return { file, listId, runId, options: { list: listId, id: runId, requestedBy: cli.login } };
}

/** A list of its own for each demo: the same content for the same list would be the same run. */
function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

function tellWhatToTry(cli: Cli, demo: Demo, stays: boolean, { say }: Output): void {
  const title = stays ? 'try' : `try, with \`${cli.command} dev\` in another terminal (the data are kept)`;
  say(`\n${renderSteps(title, stays ? [...looking(cli, demo), killing(cli, demo)] : looking(cli, demo))}`);
}

function looking({ command }: Cli, { file, listId, runId }: Demo): readonly Step[] {
  const list = `${listId}-approval`;
  return [
    {
      what: 'an import that waits for your approval (it says how)',
      command: `${command} contacts import ${file} --list ${list} --approval`,
    },
    { what: 'who did what', command: `${command} audit --run ${runId}` },
  ];
}

function killing({ command, stackDir }: Cli, { file, listId }: Demo): Step {
  const worker = readStack(stackDir)?.processes.worker?.pid ?? 'PID';
  const list = `${listId}-killed`;
  const run = `contact-import:${list}`;
  const start = `${command} contacts import ${file} --list ${list} --id ${run} --detach`;
  return {
    what: 'kill the worker in the middle, and look: nothing is lost, nothing twice',
    command: `${start} && sleep 2 && kill -9 ${worker} && ${command} watch ${run}`,
  };
}
