/** The name that somebody probably meant who wrote another one. For proposals only: nothing is ever guessed. Pure. */
import { normalizeName } from './columns.ts';

/** A name with more characters is not compared, because a message would not quote it anyway. */
const MAX_CHARACTERS = 60;

/** The known name with the fewest typing errors in between, the first of several; undefined: none is similar. */
export function findSimilar(name: string, known: readonly string[]): string | undefined {
  const wanted = normalizeName(name);
  let best: { readonly name: string; readonly errors: number } | undefined;
  for (const each of known) {
    const errors = countErrors(wanted, normalizeName(each));
    if (errors < (best?.errors ?? maxErrors(wanted) + 1)) best = { name: each, errors };
  }
  return best?.name;
}

/** One in three characters may be wrong: more, and any short name resembles any other. */
const maxErrors = (name: string): number => Math.floor(name.length / 3);

/**
 * How many characters are missing, surplus, wrong or exchanged with their neighbour (optimal string alignment distance).
 * Infinity for names that are too long to compare.
 */
function countErrors(a: string, b: string): number {
  if (a.length > MAX_CHARACTERS || b.length > MAX_CHARACTERS) return Infinity;
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const wrong = at(last, j - 1) + Number(a[i - 1] !== b[j - 1]);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? at(beforeLast, j - 2) + 1 : Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, wrong, exchanged));
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity;
