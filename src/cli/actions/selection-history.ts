/** Prints the updates of a campaign that cxflow made. */
import { describeDifference } from '../../domain/selection-update/diff.ts';
import type { CampaignUpdate } from '../../ledger/selections/selections.ts';
import { toPage } from '../../queries/page.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderNextPage } from '../render/next-page.ts';
import { describeCampaign } from '../render/selection-facts.ts';
import { formatTime, spaced } from '../terminal/format.ts';
import { type Colors, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { findRunBefore } from './find-run.ts';

export interface SelectionHistoryOptions {
  readonly limit: number;
  /** A run: only older updates. */
  readonly before?: string;
  readonly json?: boolean;
}

/** Throws UsageError, RunNotFound. */
export async function showSelectionHistory(
  cli: Cli,
  campaignId: string,
  options: SelectionHistoryOptions,
): Promise<ExitCode> {
  const { limit, json = false } = options;
  return withSession(cli, async (session) => {
    const { ledger, config } = session;
    const tenant = config.cxone.tenant ?? (await ledger.tenant.find()) ?? '';
    const key = { tenant, campaignId };
    const before = (await findRunBefore(cli, session, options))?.run_no;
    const { rows, older } = await toPage(
      await ledger.selections.history(key, limit, before),
      limit,
      (oldest) => ledger.selections.countUpdates(key, oldest.runNo),
    );
    const updates = rows.map(toShownUpdate);
    const next = older === 0 ? null : (updates.at(-1)?.runId ?? null);
    const metrics = await ledger.selections.metrics(campaignId);
    const { print, colors } = openOutput(cli, json);
    if (updates.length === 0) print(describeNone(campaignId, before));
    for (const update of updates) print(`${renderUpdate(update, colors)}\n`);
    if (next !== null) {
      const page = renderNextPage({
        nouns: ['update', 'updates'],
        older,
        program: cli.command,
        words: ['selection', 'history', campaignId],
        limit,
        before: next,
      });
      print(`${page}\n`);
    }
    if (metrics.totalOperations > 0) print(describeCampaign(metrics));
    if (json) printJson(cli, { campaignId, updates, older, next, metrics });
    return EXIT.ok;
  });
}

function describeNone(campaignId: string, before: number | undefined): string {
  return before === undefined
    ? `cxflow has not updated campaign ${campaignId} yet`
    : 'there is no older update';
}

const toShownUpdate = ({ runNo: _, ...update }: CampaignUpdate) => ({
  ...update,
  changes: update.differences.map(describeDifference),
});

function renderUpdate(update: ReturnType<typeof toShownUpdate>, colors: Colors): string {
  const { runId, requestedBy, startedAt, outcome, dryRun, versionBefore, versionAfter, changes } = update;
  const versions =
    versionAfter === null
      ? `from version ${versionBefore ?? '?'}`
      : `version ${versionBefore} → ${versionAfter}`;
  const result = dryRun ? 'planned (dry run)' : spaced(outcome === 'pending' ? update.state : outcome);
  const facts = [formatTime(startedAt), printable(requestedBy ?? ''), versions, result];
  const head = facts.filter((fact) => fact !== '').join('  ');
  const lines = changes.length > 0 ? changes : ['nothing to change'];
  return [`${colors.bold(runId)}\n  ${head}`, ...lines.map((line) => `    ${printable(line)}`)].join('\n');
}
