/** Checks the text of all arguments before anything is done with them; their meaning is checked by each command. */
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import { UsageError } from './errors.ts';

/** Throws UsageError, which names the argument by its position, because a terminal must not show some texts. */
export function checkArguments(argv: readonly string[]): void {
  for (const [index, argument] of argv.entries()) {
    const problem = textProblem(argument, TEXT_RULES.argument);
    if (problem === null) continue;
    const [option = ''] = /^--?[a-z-]{1,40}(?==)/.exec(argument) ?? [];
    throw new UsageError(`${option || describePlace(argv, index)} ${problem}`);
  }
}

function describePlace(argv: readonly string[], index: number): string {
  const before = argv[index - 1] ?? '';
  return /^--[a-z-]{1,40}$/.test(before) ? before : `argument ${index + 1}`;
}
