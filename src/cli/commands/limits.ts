/** `cxflow limits` and `cxflow limits lift` */
import type { LiftOptions, LimitsOptions } from '../actions/limits.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs } from './command.ts';

const EXAMPLES = [
  ['limits', 'see the rate budget, and whether a 429 blocks it'],
  ['limits --json', 'from a script: `block` of each tenant is null, or has since, until and reason'],
] as const;

const LIFT_EXAMPLES = [
  ['limits lift --reason "the vendor confirmed a mistake"', 'let requests leave again'],
  ['limits lift --tenant TENANT --by dana --json', "from a script, in another person's name"],
] as const;

export const addLimits: AddCommand = (parent, cli, finish) => {
  const limits = parent
    .command('limits')
    .summary('show the rate budget and what blocks it; `limits lift` ends a block')
    .description(
      paragraphs(
        `Shows the rate budget that all workers of a tenant share: when the next request may leave, and
         whether CXone has blocked them. The requests per minute are CXFLOW_RATE_PER_MINUTE of this
         environment; what counts is what the workers have. Requests that are kept further apart (batches
         of preferences, by CXFLOW_PREFERENCES_INTERVAL_MS, and of list items, by CXFLOW_LIST_INTERVAL_MS)
         have a line of their own.`,
        `After a 429 no worker sends anything for as long as its Retry-After says, at most 24 hours. Such a
         block is not a fault, and it ends by itself: runs wait and continue. It applies to every run of the
         tenant, and restarting workers does not end it.`,
      ),
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: LimitsOptions) => {
      const { showLimits } = await import('../actions/limits.ts');
      finish(await showLimits(cli, options));
    });
  limits
    .command('lift')
    .summary('end a block early')
    .description(
      paragraphs(
        `Lets the requests of a tenant leave before the time that CXone asked for. Do this if the
         Retry-After was a mistake. If it was not, CXone answers with 429 and blocks again; nothing is
         lost or written twice.`,
        `Workers notice within a minute. The audit records who lifted it and why
         (\`audit --run limits:TENANT\`).`,
      ),
    )
    .option('--tenant <name>', 'whose block, as in `limits` (default: the only one)')
    .option('--by <name>', 'who decides, for the audit', cli.login)
    .option('--reason <text>', 'why, for the audit; no personal data')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, LIFT_EXAMPLES))
    .action(async (_: unknown, command: { optsWithGlobals(): LiftOptions }) => {
      const { liftBlock } = await import('../actions/limits.ts');
      finish(await liftBlock(cli, command.optsWithGlobals()));
    });
};
