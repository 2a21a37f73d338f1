/** `cxflow records RUN` */
import { OUTCOMES } from '../../domain/run.ts';
import type { RecordFormat } from '../../queries/record-files.ts';
import type { RecordsOptions } from '../actions/write-records.ts';
import type { AddCommand } from '../cli.ts';
import { choice, examples, paragraphs, RUN_HELP } from './command.ts';

const FORMATS: readonly RecordFormat[] = ['csv', 'xlsx', 'ndjson', 'json'];
const EXAMPLES = [
  [
    'records contact-import:L1:3f9a0c --outcome invalid > invalid.csv',
    'export these rows, correct them, and import the file',
  ],
  ['records contact-import:L1:3f9a0c --outcome invalid --out invalid.xlsx', 'the same as an Excel workbook'],
  ['records contact-import:L1:3f9a0c --format ndjson --out all.ndjson', 'export all rows for a program'],
] as const;

export const addRecords: AddCommand = (parent, cli, finish) => {
  parent
    .command('records')
    .summary('export the records of a run, with outcomes and reasons')
    .description(
      paragraphs(
        `Writes the rows of a run with three more columns: cxflow_line, cxflow_outcome and cxflow_reasons; a fourth,
         cxflow_cxone_id, if CXone has named ids of its records. Records of a list load also have cxflow_score and
         cxflow_score_components; with calling hours, pending ones have cxflow_not_before and cxflow_wait_reason. Recipients of an email have
         cxflow_delivery and what else is known of their message.`,
        `CSV is safe to open in a spreadsheet: a text that looks like a formula gets a leading apostrophe,
         which an import removes again. In a workbook all values of the source are texts, so that ids keep their
         zeros and digits.`,
        `The output is personal data: only you can read a file that --out writes.`,
      ),
    )
    .argument('<run>', RUN_HELP)
    .addOption(
      choice('--outcome <outcome>', 'only records with this outcome (default: all)', [
        ...OUTCOMES,
        'pending',
      ]),
    )
    .addOption(
      choice(
        '--format <name>',
        'format of the output (default: xlsx if --out ends with it, otherwise csv)',
        FORMATS,
      ),
    )
    .option('--out <file>', 'write to this file (default: stdout)')
    .option('--json', 'same as --format json')
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (runId: string, options: RecordsOptions) => {
      const { writeRecords } = await import('../actions/write-records.ts');
      finish(await writeRecords(cli, runId, options));
    });
};
