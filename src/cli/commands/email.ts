/** `cxflow email send | receipt` */
import { InvalidArgumentError } from 'commander';
import { CONSENT_POLICIES } from '../../domain/consent/eligibility.ts';
import type { ReceiptOptions } from '../actions/email-receipt.ts';
import type { SendOptions } from '../actions/email-send.ts';
import type { AddCommand, CliOperation } from '../cli.ts';
import { describeProgress, emailSendFacts, emailSendFigures } from '../render/email-send-facts.ts';
import { stepsForDelivery } from '../render/email-send-steps.ts';
import { choice, duration, examples, JSON_HELP, paragraphs, RUN_HELP, wholeNumber } from './command.ts';
import { addSourceRunOptions, FILE_HELP } from './run-options.ts';

const SEND_EXAMPLES = [
  [
    'email send message.json --recipients people.csv --dry-run',
    'see who would be sent what, who is left out and how many days it takes; nothing is sent',
  ],
  [
    'email send message.json --recipients people.csv --approval --canary 5%',
    'wait for `approve`, send a first share, and go on if it was received well',
  ],
  [
    'email send message.json --recipients people.csv --send-at "2026-12-01T09:00 Europe/Berlin"',
    'send on that morning',
  ],
  [
    'email send message.json --recipients people.csv --map emailAddress=Mail --watch-events 72h',
    'read the address from the column Mail, and count late bounces and complaints for three days',
  ],
] as const;

const addEmail: AddCommand = (parent, cli, finish) => {
  const email = parent
    .command('email')
    .summary('outbound email: `email send`, `receipt`')
    .description('Sends email through CXone, and shows what became of it.');
  for (const add of [addSend, addReceipt]) add(email, cli, finish);
};

const addSend: AddCommand = (parent, cli, finish) => {
  const command = parent
    .command('send')
    .summary('send one message to the recipients in a file, once each, and follow what becomes of it')
    .description(
      paragraphs(
        `Sends the message in MESSAGE.json to every recipient in a file: checks every row, looks up who must not be sent
         email, sends in batches within the daily limit, and follows CXone's jobs until it is known what became of each
         message. Nobody is sent it twice: a batch whose answer was lost waits for your decision.`,
        `MESSAGE.json has subject, templateId and senderAddress; tags, tracking, mergeFields and preview if you like. With
         "mergeFields": ["firstName|there", "plan"], every recipient needs a plan, and those without a first name are
         greeted with "there". It may have its recipients in it; then leave --recipients out.`,
        `Columns: emailAddress (or email, toAddress), contactId, tags (separated by ;). Every other one is a merge field.
         Consent is looked up by contactId: without one, a recipient is sent nothing, unless you say --channel-consent
         ignore.`,
        `A soft bounce is sent again later; an address that does not exist is not written to again. The same message is
         sent to the same recipients only once. Ctrl-C does not stop the run.`,
        `Exit code 3 if somebody should look at it: rows are invalid, rejected or in doubt, or messages failed or bounced
         because of the sender. Other bounces are no reason: a list of any size has some.`,
      ),
    )
    .argument('[message]', 'MESSAGE.json, the message without or with its recipients; - for standard input')
    .option('--recipients <file>', FILE_HELP)
    .addOption(
      choice('--channel-consent <how>', 'require consent to email, or ignore it (default: require)', [
        'require',
        'ignore',
      ]),
    )
    .addOption(choice('--policy <name>', 'rules for consent (default: default)', CONSENT_POLICIES));
  addTimeOptions(command);
  addSourceRunOptions(command, cli, {
    identity: 'message, content and options',
    again: 'send although the same message was sent to the same recipients before',
  })
    .addHelpText('after', examples(cli, SEND_EXAMPLES))
    .action(async (message: string | undefined, options: SendOptions) => {
      const { sendEmail } = await import('../actions/email-send.ts');
      finish(await sendEmail(cli, message, options));
    });
};

function addTimeOptions(command: ReturnType<Parameters<AddCommand>[0]['command']>): void {
  command
    .option('--send-at <time>', 'not before: a date and a time with a time zone (default: at once)')
    .option('--send-before <time>', 'ask instead of sending later than this; same forms')
    .option('--canary <percent>', 'send to this share first, e.g. 5%, and judge it', percentage)
    .option(
      '--canary-wait <duration>',
      'how long its bounces and complaints are awaited (default: 1h)',
      duration,
    )
    .option('--retry-after <duration>', 'when a soft bounce is sent again (default: 6h)', duration)
    .option('--retries <n>', 'how often at most (default: 2)', wholeNumber(0, 5))
    .option(
      '--poll-deadline <duration>',
      'how long jobs and their events are awaited (default: 24h)',
      duration,
    )
    .option(
      '--watch-events <duration>',
      'how long events of finished jobs are read on (default: not at all)',
      duration,
    );
}

/** A parser for commander: `5%` or `5`. */
function percentage(text: string): number {
  const [, digits] = /^(\d{1,2}) ?%?$/.exec(text) ?? [];
  const n = Number(digits);
  if (digits !== undefined && n >= 1 && n <= 50) return n;
  throw new InvalidArgumentError('It must be a whole number of percent from 1 to 50, e.g. 5%.');
}

const RECEIPT_EXAMPLES = [
  ['email receipt RUN ann@example.com', 'see what the run sent to that mailbox, and what became of it'],
  ['email receipt RUN - --json < address.txt', 'read the address from a file, and get one JSON document'],
] as const;

const addReceipt: AddCommand = (parent, cli, finish) => {
  parent
    .command('receipt')
    .summary('show what a run has done about one mailbox: messages, events, evidence')
    .description(
      paragraphs(
        `Shows everything that the ledger knows about one recipient of an email send: the row and its outcome with the
         reasons, who approved which plan, what was looked up, each message with its request, its job and its events, and
         the entries of the audit, whose hashes \`audit verify\` recomputes.`,
        `Case and the spelling of international domains do not matter. The address is compared in the ledger and goes
         nowhere else; but a shell keeps a history of its commands, so write - to give it on standard input. The output is
         personal data.`,
        `Exit code 1 if the run has no such recipient.`,
      ),
    )
    .argument('<run>', RUN_HELP)
    .argument('<address>', 'the email address, or - to read it from standard input')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, RECEIPT_EXAMPLES))
    .action(async (runId: string, address: string, options: ReceiptOptions) => {
      const { showReceipt } = await import('../actions/email-receipt.ts');
      finish(await showReceipt(cli, runId, address, options));
    });
};

export const emailSend: CliOperation = {
  kind: 'emailSend',
  addCommands: addEmail,
  facts: emailSendFacts,
  followUps: stepsForDelivery,
  planFigures: emailSendFigures,
  // With what reads messages, which nothing else of the command line needs at its start.
  sampleMessages: async (records, input, hideValues) =>
    (await import('../render/email-samples.ts')).sampleMessages(records, input, hideValues),
  readProgress: async ({ emails }, run) =>
    describeProgress(await emails.countOpenJobs(run.run_no), await emails.figures(run.run_no)),
  readReport: async (ledger, run) => (await import('../actions/email-report.ts')).reportDelivery(ledger, run),
  explainRecords: async (ledger, run) =>
    (await import('../actions/email-records.ts')).explainRecipients(ledger, run),
  retry: { command: 'email send', what: 'send to the recipients who were rejected or cancelled' },
};
