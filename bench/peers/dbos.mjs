/** DBOS: one step for each batch. Its fastest variant: as many workflows as may be in flight, each a lane of steps. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { serve } from '../contender.ts';

await serve(async (batches, databaseUrl) => {
  const lane = DBOS.registerWorkflow(
    async (runNo, first, count, every) => {
      for (let batch = first; batch <= count; batch += every)
        await DBOS.runStep(() => batches.write(runNo, batch), { name: 'batch' });
    },
    { name: 'lane' },
  );
  const quiet = { info() {}, debug() {}, warn() {}, error: console.error };
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: databaseUrl,
    systemDatabasePoolSize: 20,
    logger: quiet,
  });
  await DBOS.launch();
  return async ({ runNo, batches: count, concurrency }) => {
    const lanes = Array.from({ length: concurrency }, (_, i) =>
      DBOS.startWorkflow(lane)(runNo, i + 1, count, concurrency),
    );
    const handles = await Promise.all(lanes);
    await Promise.all(handles.map((handle) => handle.getResult()));
  };
});
