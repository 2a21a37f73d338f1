/** `cxflow selection show CAMPAIGN` and `selection history CAMPAIGN`. */
import { describeDifference } from '../../domain/selection-update/diff.ts';
import type { ContactSelection } from '../../domain/selection-update/selection.ts';
import type { CampaignUpdate } from '../../ledger/selections/selections.ts';
import { type Cli, type Colors, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatDuration, formatTime, printable, spaced } from '../terminal/format.ts';
import { renderTable } from '../terminal/table.ts';
import { type AddCommand, examples, JSON_HELP, wholeNumber } from '../commands/command.ts';

export const addSelectionShow: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['selection show C1', 'lists, rules, priorities, version'],
    ['selection show C1 --json > c1.json', 'edit it, then `selection update C1 c1.json`'],
  ] as const;
  parent
    .command('show')
    .summary('show what a campaign dials now')
    .description('Shows the contact selection of a campaign as CXone has it now. A worker asks for it.')
    .argument('<campaign>', 'id of the campaign in CXone')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (campaignId: string, options: { json?: boolean }) =>
      finish(await showSelection(cli, campaignId, options)),
    );
};

/** Errors: InputError, NoWorkerAnswered, NotDone. */
export async function showSelection(
  cli: Cli,
  campaignId: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const seen = await (await session.client()).readSelection(campaignId);
    const { say, colors } = outputOf(cli, json);
    say(`${colors.bold(campaignId)}  version ${seen.version}\n${renderSelection(seen.contactSelection)}`);
    if (json) writeJson(cli, seen);
    return EXIT.ok;
  });
}

export function renderSelection(selection: ContactSelection): string {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  const rules = filterRules.map(
    ({ field, operator, value }) => `${field} ${operator} ${JSON.stringify(value)}`,
  );
  const rows = [
    ...labelled('targets', targetListIds),
    ...labelled('exclusions', exclusionListIds),
    ...labelled('rules', rules),
    ...labelled('priorities', priorityOrder.map(asText)),
  ];
  return renderTable([{}, {}], rows);
}

function labelled(label: string, values: readonly string[]): [string, string][] {
  if (values.length === 0) return [[label, 'none']];
  return values.map((value, index) => [index === 0 ? label : '', printable(value)]);
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export const addSelectionHistory: AddCommand = (parent, cli, finish) => {
  const lines = [['selection history C1', 'who changed what, when, from which version to which']] as const;
  parent
    .command('history')
    .summary('show the updates of a campaign that cxflow made')
    .description(
      'Shows every update of a campaign that went through cxflow, the newest first, from the ledger.',
    )
    .argument('<campaign>', 'id of the campaign in CXone')
    .option('--limit <n>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (campaignId: string, options: HistoryOptions) =>
      finish(await showHistory(cli, campaignId, options)),
    );
};

export interface HistoryOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export async function showHistory(
  cli: Cli,
  campaignId: string,
  { limit, json = false }: HistoryOptions,
): Promise<ExitCode> {
  return withSession(cli, async ({ ledger, config }) => {
    const key = { tenant: config.cxone.tenant, campaignId };
    const updates = (await ledger.selections.history(key, limit)).map((update) => ({
      ...update,
      changes: update.differences.map(describeDifference),
    }));
    const metrics = await ledger.selections.metrics(key);
    const { say, colors } = outputOf(cli, json);
    const { totalOperations, successRate, averageLatency } = metrics;
    if (updates.length === 0) say(`cxflow has not updated campaign ${campaignId} yet`);
    for (const update of updates) say(`${renderUpdate(update, colors)}\n`);
    if (totalOperations > 0)
      say(
        `writes ${totalOperations}, ${successRate.toFixed(2)} % successful, ${formatDuration(averageLatency)} on average`,
      );
    if (json) writeJson(cli, { campaignId, updates, metrics });
    return EXIT.ok;
  });
}

function renderUpdate(
  update: CampaignUpdate & { readonly changes: readonly string[] },
  colors: Colors,
): string {
  const { runId, requestedBy, startedAt, outcome, dryRun, versionBefore, versionAfter, changes } = update;
  const versions =
    versionAfter === null
      ? `from version ${versionBefore ?? '?'}`
      : `version ${versionBefore} → ${versionAfter}`;
  const what = dryRun ? 'planned (dry run)' : spaced(outcome === 'pending' ? update.state : outcome);
  const head = [formatTime(startedAt), printable(requestedBy ?? ''), versions, what]
    .filter(Boolean)
    .join('  ');
  const lines = changes.length > 0 ? changes : ['nothing to change'];
  return [`${colors.bold(runId)}\n  ${head}`, ...lines.map((line) => `    ${printable(line)}`)].join('\n');
}
