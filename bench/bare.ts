/** The script that a good programmer would write in an afternoon: a fixed number of batches in flight, and nothing else. */
import pLimit from 'p-limit';
import { serve } from './contender.ts';

await serve((batches) =>
  Promise.resolve(async ({ runNo, batches: count, concurrency }) => {
    const limit = pLimit(concurrency);
    const all = Array.from({ length: count }, (_, i) => limit(() => batches.write(runNo, i + 1)));
    await Promise.all(all);
  }),
);
