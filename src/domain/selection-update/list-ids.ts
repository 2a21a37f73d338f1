/** Ids of lists that look like another one: pasted with a blank or an invisible character, they name a list that nobody has. Pure. */
import { withoutInvisible } from '../invisible.ts';

/** What is wrong with an id that is to be written, or null: a list that does not exist would be targeted, or excluded, in vain. */
export function listIdProblem(id: string): string | null {
  const blank = /^\s|\s$/u.exec(id);
  if (blank) return `has ${nameOf(blank[0])} at its ${blank.index === 0 ? 'beginning' : 'end'}; remove it`;
  const plain = withoutInvisible(id);
  if (plain === id) return null;
  const character = [...id].find((each) => withoutInvisible(`a${each}a`) !== `a${each}a`);
  if (character === undefined) return 'has accents as separate characters; type it anew';
  return `has ${nameOf(character)}, which looks like a blank or like nothing; type it anew`;
}

/** Whether both would be taken for the same list by somebody who reads them. */
export const looksLike = (a: string, b: string): boolean => withoutInvisible(a) === withoutInvisible(b);

function nameOf(character: string): string {
  if (character === ' ') return 'a blank';
  if (character === '\u00a0') return 'a no-break space (U+00A0)';
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return /\s/u.test(character) ? `white space (U+${code})` : `an invisible character (U+${code})`;
}
