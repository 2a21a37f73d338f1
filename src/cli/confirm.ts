/** Asks before something is done that cannot be undone. */
import type { Cli } from './cli.ts';
import { UsageError } from './errors.ts';

/** `what`: for the message, such as "an erasure". Without `--yes` and a terminal to ask on, it throws UsageError. */
export async function confirm(
  cli: Pick<Cli, 'ask'>,
  { yes, what, question }: { readonly yes: boolean; readonly what: string; readonly question: string },
): Promise<boolean> {
  if (yes) return true;
  requireTerminal(cli, { yes, what });
  const answer = await cli.ask?.(`${question} [y/N] `, new AbortController().signal);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

/** Throws UsageError if nobody could answer. For commands that would otherwise first work for a while. */
export function requireTerminal(
  { ask }: Pick<Cli, 'ask'>,
  { yes, what }: { readonly yes: boolean; readonly what: string },
): void {
  if (yes || ask) return;
  throw new UsageError(
    `${what} cannot be undone, and there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what it would do`,
  );
}
