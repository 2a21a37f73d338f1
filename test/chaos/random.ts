/** The random numbers of a plan: the same seed gives the same numbers on every machine. */
import { mulberry32 } from '../../src/simulator/random.ts';

export interface Random {
  /** A random integer between the two, both included. */
  readonly between: (least: number, most: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
}

export function createRandom(seed: number): Random {
  // Spreads the seeds, because neighbouring ones would give similar plans.
  const random = mulberry32(Math.imul(seed + 1, 0x9e3779b1));
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  return {
    between,
    chance: (probability) => random() < probability,
    pick: (from) => from[between(0, from.length - 1)] as (typeof from)[number],
  };
}
