/** How many batches are sent before the others. Pure. */

/** 0: there is no first share, because none is desired or one batch would be all of it. */
export function canaryBatches(batches: number, percent: number | undefined): number {
  if (percent === undefined) return 0;
  const share = Math.max(1, Math.ceil((batches * percent) / 100));
  return share >= batches ? 0 : share;
}
