/** How fast records are settled, over the last seconds. Pure. */

const WINDOW_MS = 15_000;
/** Before that, a first page would be taken for the rate of the whole. */
const SHORTEST_MS = 2_000;

export interface RateMeter {
  /** Per second, or null while there is too little to tell. */
  add(nowMs: number, settled: number): number | null;
}

export function createRateMeter(): RateMeter {
  let seen: { readonly atMs: number; readonly settled: number }[] = [];
  return {
    add(nowMs, settled) {
      // A run that was started again counts afresh.
      if ((seen.at(-1)?.settled ?? 0) > settled) seen = [];
      seen.push({ atMs: nowMs, settled });
      while (seen[1] && nowMs - seen[1].atMs >= WINDOW_MS) seen.shift();
      const first = seen[0];
      if (!first || nowMs - first.atMs < SHORTEST_MS || settled === first.settled) return null;
      return ((settled - first.settled) * 1_000) / (nowMs - first.atMs);
    },
  };
}
