/** `cxflow simulator` */
import type { AddCommand } from '../cli.ts';

/** The simulator parses its own flags, `--help` included. */
export const addSimulator: AddCommand = (parent, cli, finish) => {
  parent
    .command('simulator')
    .summary('start the CXone simulator; `simulator --help` lists its flags')
    .description('Starts the CXone simulator. Set CXONE_API_URL to its address.')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]')
    .action(async (flags: readonly string[]) => {
      const { startSimulator } = await import('../actions/simulator.ts');
      finish(await startSimulator(cli, flags));
    });
};
