/** Checks the text of all arguments before anything is done with them; their meaning is checked by each command. */
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import { UsageError } from './errors.ts';

/** Throws UsageError, which names the argument by its place, because a terminal must not show some texts. */
export function checkArguments(argv: readonly string[]): void {
  for (const [index, argument] of argv.entries()) {
    const [option = ''] = /^--?[a-z-]{1,40}(?==)/.exec(argument) ?? [];
    const problem = findProblem(argument, option);
    if (problem === null) continue;
    throw new UsageError(`${option || describePlace(argv, index)} ${problem}`);
  }
}

/** An empty text is what a script leaves of a variable that is not set. It names nothing, and no argument means anything by it. */
function findProblem(argument: string, option: string): string | null {
  const text = option === '' ? argument : argument.slice(option.length + 1);
  return text.trim() === '' ? 'is empty' : textProblem(argument, TEXT_RULES.argument);
}

function describePlace(argv: readonly string[], index: number): string {
  const before = argv[index - 1] ?? '';
  if (/^--[a-z-]{1,40}$/.test(before)) return before;
  return /^[a-z]{1,40}$/.test(before) ? `the argument after \`${before}\`` : `argument ${index + 1}`;
}
