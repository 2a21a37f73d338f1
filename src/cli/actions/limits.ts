/** Shows the rate budget and what blocks it, and lifts a block. */
import { omitUndefined } from '../../domain/absent.ts';
import { TEXT_RULES, type TextRule, textProblem } from '../../domain/text.ts';
import type { RateBlock } from '../../ledger/writes/rate-budget.ts';
import { listRateBlocks } from '../../queries/rate-limits.ts';
import { type Cli, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderLimits } from '../render/rate-limits.ts';
import { formatTime } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

export interface LimitsOptions {
  readonly json?: boolean;
}

export interface LiftOptions extends LimitsOptions {
  readonly by: string;
  readonly reason?: string;
  readonly tenant?: string;
}

export async function showLimits(cli: Cli, { json = false }: LimitsOptions): Promise<ExitCode> {
  return withSession(cli, async ({ ledger, config: { ratePerMinute } }) => {
    const tenants = await ledger.rateBudget.list();
    const { print, colors } = openOutput(cli, json);
    if (json) printJson(cli, { ratePerMinute, tenants });
    else print(renderLimits({ ratePerMinute, tenants, now: new Date() }, colors, cli.command));
    return EXIT.ok;
  });
}

/** Throws UsageError if it is not clear which block is meant, or the audit cannot store a text. */
export async function liftBlock(
  cli: Cli,
  { by, reason, tenant, json = false }: LiftOptions,
): Promise<ExitCode> {
  checkText('--by', by, TEXT_RULES.name);
  if (reason !== undefined) checkText('--reason', reason, TEXT_RULES.note);
  return withSession(cli, async ({ ledger }) => {
    const chosen = chooseBlock(await listRateBlocks(ledger), tenant);
    const lifted =
      chosen && (await ledger.rateBudget.lift(chosen.tenant, { by, ...omitUndefined({ reason }) }));
    const { print, colors } = openOutput(cli, json);
    if (lifted) {
      print(
        `${colors.green('lifted')}: the block of ${printable(lifted.tenant)} until ${formatTime(lifted.until)}`,
      );
      print('workers send again within a minute; another 429 blocks them again');
    } else print('no block is in force');
    if (json) printJson(cli, { lifted });
    return EXIT.ok;
  });
}

function checkText(option: string, text: string, rule: TextRule): void {
  const problem = textProblem(text, rule);
  if (problem !== null) throw new UsageError(`${option} ${problem}`);
}

/** null: no block is in force. Throws UsageError if it is not clear which one is meant. */
function chooseBlock(blocks: readonly RateBlock[], tenant: string | undefined): RateBlock | null {
  const [first, ...others] = blocks.filter((block) => tenant === undefined || block.tenant === tenant);
  if (first && others.length > 0) {
    const names = blocks.map((block) => printable(block.tenant)).join(', ');
    throw new UsageError(`several tenants are blocked: add --tenant with one of ${names}`);
  }
  if (!first && blocks.length > 0) {
    const names = blocks.map((block) => printable(block.tenant)).join(', ');
    throw new UsageError(`tenant ${printable(tenant ?? '')} is not blocked; blocked: ${names}`);
  }
  return first ?? null;
}
