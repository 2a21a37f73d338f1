/** graphile-worker: one job for each batch. Its tuned variant: a local queue, completions in batches. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { serve } from '../contender.ts';

const logger = new Logger(() => () => undefined);

await serve(async (batches, connectionString) => {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  let runner = null;
  let left = 0;
  let finish = () => undefined;
  let fail = () => undefined;
  const taskList = {
    batch: async ({ runNo, batch }) => {
      await batches.write(runNo, batch).catch(fail);
      left -= 1;
      if (left === 0) finish();
    },
  };
  const start = (concurrency) =>
    run({
      connectionString,
      concurrency,
      maxPoolSize: 20,
      noHandleSignals: true,
      taskList,
      logger,
      preset: { worker: { localQueue: { size: 4 * concurrency }, completeJobBatchDelay: 0 } },
    });
  return async ({ runNo, batches: count, concurrency }) => {
    runner ??= await start(concurrency);
    left = count;
    const done = new Promise((resolve, reject) => {
      [finish, fail] = [resolve, reject];
    });
    const jobs = Array.from({ length: count }, (_, i) => ({
      identifier: 'batch',
      payload: { runNo, batch: i + 1 },
    }));
    await utils.addJobs(jobs);
    await done;
  };
});
