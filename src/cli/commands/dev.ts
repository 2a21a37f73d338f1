/** `cxflow dev`: everything on one machine, until Ctrl-C. */
import { relative } from 'node:path';
import { type Cli, outputOf } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderSteps } from '../render/next-steps.ts';
import {
  awaitInterruption,
  renderAddresses,
  startCliStack,
  type StackWishes,
  untilInterrupted,
} from '../dev/stack.ts';
import { type AddCommand, examples } from './command.ts';

export const addDev: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['dev', 'PostgreSQL, Temporal with its Web UI, a CXone simulator, and a worker'],
    ['dev --no-worker', 'then `cxflow worker` in another terminal'],
  ] as const;
  parent
    .command('dev')
    .summary('start everything on this machine')
    .description(
      'Starts PostgreSQL, Temporal, the CXone simulator and a worker, keeps them alive, and stops them on Ctrl-C.\n' +
        'Data and addresses are kept in .cxflow; every other command finds them there. What the environment names\n' +
        '(DATABASE_URL, TEMPORAL_ADDRESS, CXONE_API_URL) is used and not started.',
    )
    .option('--no-worker', 'without a worker')
    .option('--no-simulator', 'without the simulator: CXone is what the environment says')
    .addHelpText('after', examples(cli, lines))
    .action(async (options: StackWishes) => finish(await runDev(cli, options)));
};

export async function runDev(cli: Cli, wishes: StackWishes): Promise<ExitCode> {
  const output = outputOf(cli);
  const interruption = awaitInterruption();
  try {
    output.say(`starting; logs are in ${relative(cli.cwd, cli.stackDir)}/logs`);
    const stack = await startCliStack(cli, wishes, output);
    output.say(`\n${output.colors.bold('ready')}\n${renderAddresses(stack.addresses)}\n`);
    output.say(renderSteps('next, in another terminal', nextSteps(cli.command)));
    output.say('\nCtrl-C stops everything; the data stay.');
    await untilInterrupted(interruption);
    interruption.release();
    await stack.stop();
    return EXIT.ok;
  } finally {
    interruption.release();
  }
}

const nextSteps = (command: string) => [
  { what: 'an import', command: `${command} contacts import FILE --list L1` },
  { what: 'the runs', command: `${command} runs` },
];
