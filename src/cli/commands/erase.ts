/** `cxflow erase` */
import type { EraseOptions } from '../actions/erase.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs } from './command.ts';

const CONTACT = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

export const addErase: AddCommand = (parent, cli, finish) => {
  parent
    .command('erase')
    .summary('erase a data subject from the ledger; their objection is kept as a keyed hash')
    .description(
      paragraphs(
        `Clears the staged rows of one data subject in all runs, deletes the staged files that name them, and
         deletes the key of their proof of consent, so that nobody can read it any more. This cannot be
         undone.`,
        `What is kept: the objection on every channel as a keyed hash, counts, and the audit, which never
         named anyone. Data in CXone are not changed.`,
        `The command first shows what it would erase, and asks. In a script, --yes goes ahead without asking and
         --dry-run only shows it (exit code 0); without a terminal one of the two is required. An id that is an
         ordinary word matches more than you might expect, so look first.`,
        `The objection is dated with the time of this request. A worker carries out the erasure; if the worker is
         killed, the next one starts over.`,
        `Rows that a run still needs are kept, and the run is named (exit code 3): erase again when it has
         ended.`,
      ),
    )
    .requiredOption('--contact <id>', 'id of the contact')
    .option('--requested-by <name>', 'who requests it, for the audit', cli.login)
    .option('--dry-run', 'only show what would be erased; nothing is changed')
    .option('--yes', 'erase without asking')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      examples(cli, [
        [`erase --contact ${CONTACT} --dry-run`, 'see what would be erased'],
        [`erase --contact ${CONTACT}`, 'at the request of this data subject'],
      ]),
    )
    .action(async (options: EraseOptions) => {
      const { erase } = await import('../actions/erase.ts');
      finish(await erase(cli, options));
    });
};
