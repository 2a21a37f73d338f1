/** `cxflow demo` */
import type { DemoOptions } from '../actions/demo.ts';
import type { AddCommand } from '../cli.ts';
import { examples, paragraphs, wholeNumber } from './command.ts';

const MAX_ROWS = 1_000_000;
const EXAMPLES = [
  ['demo', 'import ten thousand contacts, then keep everything running'],
  ['demo --once --rows 100000 --seed 42', 'import other and more contacts, then stop everything'],
] as const;

export const addDemo: AddCommand = (parent, cli, finish) => {
  parent
    .command('demo')
    .summary('start everything and watch an import of fictitious contacts')
    .description(
      paragraphs(
        `Starts everything as \`dev\` does, or uses the \`dev\` that runs in this folder, and imports
         fictitious contacts into a new list of the simulator. Some contacts are invalid on purpose. On a
         terminal it keeps running until Ctrl-C.`,
      ),
    )
    .option('--rows <n>', 'number of contacts', wholeNumber(1, MAX_ROWS), 10_000)
    .option('--seed <n>', 'seed of the contacts', wholeNumber(0, 4_294_967_295), 7)
    .option('--once', 'stop everything after the import, even on a terminal')
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import('../actions/demo.ts');
      finish(await runDemo(cli, options));
    });
};
