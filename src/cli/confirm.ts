/** Asks before something that cannot be undone. */
import type { Cli } from './cli.ts';
import { UsageError } from './errors.ts';
import type { Output } from './terminal/output.ts';

/** Asks where the command prints. Call `requireTerminal` first. */
export async function confirm(
  { ask }: Pick<Cli, 'ask'>,
  question: string,
  { stream }: Pick<Output, 'stream'>,
): Promise<boolean> {
  const answer = await ask?.(`${question} [y/N] `, new AbortController().signal, stream);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

/**
 * For commands that would otherwise work for a while before they ask. Throws UsageError if nobody could answer.
 * @param what what is about to happen, such as "an erasure"
 */
export function requireTerminal(
  { ask }: Pick<Cli, 'ask'>,
  { yes, what }: { readonly yes: boolean; readonly what: string },
): void {
  if (yes || ask) return;
  throw new UsageError(
    `${what} cannot be undone, and there is no terminal to ask on: add --yes to go ahead, or --dry-run to see what it would do`,
  );
}
