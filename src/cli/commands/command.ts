/** What the definitions of commands share: choices, parsers of arguments and examples. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { toGuid } from '../../domain/contact-id.ts';
import { parseDuration } from '../../domain/durations.ts';
import { ROWS_PER_PAGE } from '../../queries/page.ts';
import { type Cli, LATEST } from '../cli.ts';

/** Of an argument that names a run. */
export const RUN_HELP = `id of the run, or the beginning of one id only, or ${LATEST}`;

export const JSON_HELP = 'print one JSON document on stdout, and everything else on stderr';

export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

/** Of a list that is shown page by page. `before`: flags and description of the option that says where the page begins. */
export function addPageOptions(command: Command, ...before: readonly [string, string]): Command {
  return command.option(...before).option('--limit <n>', 'how many', wholeNumber(1, 10_000), ROWS_PER_PAGE);
}

/** Of the description of such a list. */
export const PAGES_HELP = `If there are older entries, it says how many, and prints the command for the next page.
  In the JSON document, \`older\` is how many there are, and \`next\` is the value for --before.`;

/** A parser for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (/^\d+$/.test(text) && n >= least && n <= most) return n;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** A parser for commander. */
export function duration(text: string): string {
  const parsed = parseDuration(text);
  if (typeof parsed === 'number') return text;
  throw new InvalidArgumentError(`It ${parsed}.`);
}

/** A parser for commander: the id of a contact as CXone has it. */
export function guid(text: string): string {
  if (toGuid(text) !== null) return text;
  throw new InvalidArgumentError('It must be a GUID, such as a1b2c3d4-e5f6-7890-abcd-ef1234567890.');
}

/** A parser for commander: the id of a run that is to be started. */
export function newRunId(text: string): string {
  if (text !== LATEST) return text;
  throw new InvalidArgumentError(
    `It is a word of its own: every command takes ${LATEST} for the newest run.`,
  );
}

/** A parser for commander that collects `field=column` from every `--map`. */
export function collectMapping(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) {
    throw new InvalidArgumentError('It must be field=column, e.g. --map phone="Mobile Number".');
  }
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

/** A parser for commander that collects names from every occurrence of an option, each with several between commas. */
export function collectNames(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes(''))
    throw new InvalidArgumentError('It must be names separated by commas, e.g. phone_number,email.');
  return [...before, ...names];
}

/** The end of a command's help. */
export function examples(
  cli: Pick<Cli, 'command'>,
  lines: readonly (readonly [command: string, what: string])[],
): string {
  const rendered = lines.map(([command, what]) => `  # ${what}\n  ${cli.command} ${command}`);
  return `\nExamples:\n${rendered.join('\n')}\n`;
}

/** A description in paragraphs, each of which commander wraps to the width of the terminal. */
export function paragraphs(...texts: readonly string[]): string {
  return texts.map((text) => text.replaceAll(/\s+/g, ' ')).join('\n\n');
}
