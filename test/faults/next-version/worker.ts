/** A worker of a later version. Its activities and its ledger are today's. */
import { fileURLToPath } from 'node:url';
import { runWorker } from '../../../src/worker.ts';

await runWorker(process.env, {
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
});
