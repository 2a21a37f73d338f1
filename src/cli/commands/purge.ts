/** `cxflow purge` */
import type { PurgeOptions } from '../actions/purge.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs } from './command.ts';

const EXAMPLES = [
  ['purge --older-than 30d --dry-run', 'see what would be deleted'],
  ['purge --older-than 30d --yes', 'every night, from cron or a Kubernetes CronJob'],
] as const;

export const addPurge: AddCommand = (parent, cli, finish) => {
  parent
    .command('purge')
    .summary('delete the rows of old runs, old files and old campaign snapshots from the ledger')
    .description(
      paragraphs(
        `Deletes what is older than --older-than: the rows, outcomes, requests and events of runs that ended longer
         ago, and staged files, campaign snapshots and results of checked files that were stored longer ago. This
         cannot be undone.`,
        `What stays: objections (the suppression list), the proof of consent and the audit; each run with its
         counts and metrics, so that \`show\` and \`report\` still print them and the same content is not written twice by accident.
         A purged run can neither be retried nor started again.`,
        `Runs that have not ended are left alone, even if they are paused or wait for somebody. Ended runs are
         kept and named (exit code 3) if requests were never answered (start the run again, or resolve them), if
         events were never delivered (--undelivered gives them up), or while another run retries them.`,
        `A purge works in small transactions while workers run, and can be repeated at any time: what a killed
         purge has begun, the next one completes. It first shows what it would delete, and asks; in a script,
         give --yes or --dry-run.`,
      ),
    )
    .requiredOption('--older-than <duration>', 'the retention period, e.g. 30d or "2 weeks"; at least 1d')
    .option('--undelivered', 'include runs with events that no subscriber accepted; these are given up')
    .option('--requested-by <name>', 'who requests it, for the audit', cli.login)
    .option('--dry-run', 'only show what would be deleted; nothing is changed')
    .option('--yes', 'delete without asking')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: PurgeOptions) => {
      const { purge } = await import('../actions/purge.ts');
      finish(await purge(cli, options));
    });
};
