/** pg-boss: one job for each batch. Its fastest variant: loops of our own that fetch a few and complete them together. */
import PgBoss from 'pg-boss';
import { serve } from '../contender.ts';

const QUEUE = 'batches';
const FETCHED_AT_ONCE = 4;

await serve(async (batches, connectionString) => {
  const boss = new PgBoss({ connectionString, max: 20, supervise: false, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  return async ({ runNo, batches: count, concurrency }) => {
    await boss.insert(
      Array.from({ length: count }, (_, i) => ({ name: QUEUE, data: { runNo, batch: i + 1 } })),
    );
    let left = count;
    // A lane has FETCHED_AT_ONCE in flight.
    const lane = async () => {
      while (left > 0) {
        const jobs = await boss.fetch(QUEUE, { batchSize: FETCHED_AT_ONCE });
        if (jobs.length === 0) return;
        await Promise.all(jobs.map(({ data }) => batches.write(data.runNo, data.batch)));
        await boss.complete(
          QUEUE,
          jobs.map(({ id }) => id),
        );
        left -= jobs.length;
      }
    };
    await Promise.all(Array.from({ length: concurrency / FETCHED_AT_ONCE }, lane));
    if (left > 0) throw new Error(`${left} jobs were not fetched`);
  };
});
