/** Prints the updates of a campaign that cxflow made. */
import { describeDifference } from '../../domain/selection-update/diff.ts';
import type { CampaignUpdate } from '../../ledger/selections/selections.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { describeCampaign } from '../render/selection-facts.ts';
import { formatTime, spaced } from '../terminal/format.ts';
import { type Colors, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

export interface SelectionHistoryOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export async function showSelectionHistory(
  cli: Cli,
  campaignId: string,
  { limit, json = false }: SelectionHistoryOptions,
): Promise<ExitCode> {
  return withSession(cli, async ({ ledger, config }) => {
    const tenant = config.cxone.tenant ?? (await ledger.tenant.find()) ?? '';
    const key = { tenant, campaignId };
    const updates = (await ledger.selections.history(key, limit)).map((update) => ({
      ...update,
      changes: update.differences.map(describeDifference),
    }));
    const metrics = await ledger.selections.metrics(campaignId);
    const { print, colors } = openOutput(cli, json);
    if (updates.length === 0) print(`cxflow has not updated campaign ${campaignId} yet`);
    for (const update of updates) print(`${renderUpdate(update, colors)}\n`);
    if (metrics.totalOperations > 0) print(describeCampaign(metrics));
    if (json) printJson(cli, { campaignId, updates, metrics });
    return EXIT.ok;
  });
}

type Update = CampaignUpdate & { readonly changes: readonly string[] };

function renderUpdate(update: Update, colors: Colors): string {
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
