/** The seeds of `npm test`, and those that the arguments of `npm run chaos` select. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createPlan, isShort } from './plan.ts';

/** The seeds of `npm test`. They cover every operation, a tenant that accepts duplicates, required consent, and an outage. */
export const FIXED_SEEDS: readonly number[] = [20, 45, 63, 36, 68];

/** The fixed seeds and a random one. */
export function sampleSeeds(): readonly number[] {
  for (;;) {
    const seed = randomInt(1_000_000);
    if (isShort(createPlan(seed))) return [...FIXED_SEEDS, seed];
  }
}

/** Null for `--help`. Errors: TypeError for invalid arguments. */
export function parseSeeds(argv: readonly string[]): readonly number[] | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return null;
  if (values.seed) return values.seed.map((text) => wholeNumber(text, '--seed'));
  const first = values.from === undefined ? randomInt(1_000_000) : wholeNumber(values.from, '--from');
  const count = wholeNumber(values.seeds ?? '20', '--seeds');
  if (count === 0) throw new TypeError('--seeds must be at least 1');
  return Array.from({ length: count }, (_, n) => first + n);
}

function wholeNumber(text: string, flag: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(`${flag} must be a whole number, not ${text}`);
}
