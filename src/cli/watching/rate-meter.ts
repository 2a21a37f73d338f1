/** How many records are settled per second, measured over the last seconds. Pure. */

const WINDOW_MS = 15_000;
/** Over a shorter time, the first page would determine the rate. */
const SHORTEST_MS = 2_000;

export interface RateMeter {
  /** The rate per second, or null while there is too little to measure. */
  add(nowMs: number, settled: number): number | null;
}

export function createRateMeter(): RateMeter {
  let samples: { readonly atMs: number; readonly settled: number }[] = [];
  return {
    add(nowMs, settled) {
      // A run that was started again counts from the beginning.
      if ((samples.at(-1)?.settled ?? 0) > settled) samples = [];
      samples.push({ atMs: nowMs, settled });
      while (samples[1] && nowMs - samples[1].atMs >= WINDOW_MS) samples.shift();
      const first = samples[0];
      if (!first || nowMs - first.atMs < SHORTEST_MS || settled === first.settled) return null;
      return ((settled - first.settled) * 1_000) / (nowMs - first.atMs);
    },
  };
}
