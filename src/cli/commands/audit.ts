/** `cxflow audit` and `cxflow audit verify` */
import type { AuditOptions } from '../actions/audit.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs, RUN_HELP } from './command.ts';

const EXAMPLES = [
  ['audit --run contact-import:L1:3f9a0c', 'list what happened in one run'],
  ['audit verify', 'recompute the whole chain; exit code 1 if an entry was changed, removed or moved'],
] as const;

export const addAudit: AddCommand = (parent, cli, finish) => {
  const audit = parent
    .command('audit')
    .summary('list the audit; `audit verify` checks its hash chain')
    .description('Lists what was done, by whom and when. The audit contains no personal data.')
    .option('--run <run>', `only the entries of this run: ${RUN_HELP}`)
    .option('--all', 'with the entries of single batches, which are left out otherwise; JSON always has them')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: AuditOptions) => {
      const { listAudit } = await import('../actions/audit.ts');
      finish(await listAudit(cli, options));
    });
  audit
    .command('verify')
    .summary('check that no entry was changed, removed or moved')
    .description(
      paragraphs(
        `Recomputes the hash of every entry. Store the printed head elsewhere, so that entries removed from
         the end are noticed as well.`,
      ),
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [['audit verify --json', 'from a script; exit code 1 on a finding']]))
    .action(async (_: unknown, command: { optsWithGlobals(): AuditOptions }) => {
      const { verifyAudit } = await import('../actions/audit.ts');
      finish(await verifyAudit(cli, command.optsWithGlobals()));
    });
};
