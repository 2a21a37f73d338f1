/** Asks before something that cannot be undone. */
import type { Cli } from './cli.ts';
import { UsageError } from './errors.ts';

/** `what`: what is about to happen, such as "an erasure". Throws UsageError without `--yes` and without a terminal. */
export async function confirm(
  cli: Pick<Cli, 'ask'>,
  { yes, what, question }: { readonly yes: boolean; readonly what: string; readonly question: string },
): Promise<boolean> {
  if (yes) return true;
  requireTerminal(cli, { yes, what });
  const answer = await cli.ask?.(`${question} [y/N] `, new AbortController().signal);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

/** Throws UsageError if nobody could answer. Called first by commands that would otherwise work for a while before asking. */
export function requireTerminal(
  { ask }: Pick<Cli, 'ask'>,
  { yes, what }: { readonly yes: boolean; readonly what: string },
): void {
  if (yes || ask) return;
  throw new UsageError(
    `${what} cannot be undone, and there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what it would do`,
  );
}
