/** A worker for cxflow's operations and the example operation. */
import { fileURLToPath } from 'node:url';
import { runWorker } from '../../src/worker.ts';
import { defineCallbackRequest } from './activities.ts';

await runWorker(process.env, {
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  operations: { callbackRequest: defineCallbackRequest },
});
