/** `cxflow migrate` */
import type { MigrateOptions } from '../actions/migrate.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs, wholeNumber } from './command.ts';

const MAX_WAIT_S = 3_600;

const EXAMPLES = [
  ['migrate', 'create the tables, or see that there is nothing to do'],
  ['migrate --wait 60', 'in an init container, which may start before its database'],
] as const;

export const addMigrate: AddCommand = (parent, cli, finish) => {
  parent
    .command('migrate')
    .summary('prepare the ledger: create its tables, or bring them up to date')
    .description(
      paragraphs(
        `Runs the migrations that the database of DATABASE_URL lacks, and prints their names. Running it again
         changes nothing, and several can run at the same time.`,
        `A worker does the same when it starts. Use this command where workers must not create tables: the role
         that runs it needs CREATE on the schema; a worker's role then only needs to read and write the
         tables. Other commands wait up to ten seconds for a ledger that is not prepared yet.`,
        `Exit codes: 0 the ledger is prepared, 1 it is not (the database does not answer, the role may not
         create tables, or a newer cxflow has migrated it), 2 the settings are wrong.`,
      ),
    )
    .option(
      '--wait <seconds>',
      'how long to wait for a database that does not answer',
      wholeNumber(0, MAX_WAIT_S),
      0,
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: MigrateOptions) => {
      const { migrate } = await import('../actions/migrate.ts');
      finish(await migrate(cli, options));
    });
};
