/** For the tests of many rows: how much memory a worker may use. */
import type { Env } from './stand.ts';

/** The worker's heap: enough to stream any number of rows, too little to keep 110,000 contacts. */
const HEAP_MEGABYTES = 72;
export const SMALL_HEAP: Env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}` };
/** The most that the worker's memory may grow beyond what a small run needed. Measured: at most 17 for 100,000 rows. */
export const MAX_GROWTH_MEGABYTES = 40;
/** A million with `npm run test:million`. */
export const rowsOr = (fewer: number): number => Number(process.env.CXFLOW_LARGE_ROWS ?? fewer);
/** With an activity for each batch instead of each page there would be thousands. */
export const maxEvents = (rows: number): number => Math.max(200, rows / 1_000);
export const limitFor = (rows: number) => ({ timeout: 600_000 * Math.max(1, rows / 100_000) });
