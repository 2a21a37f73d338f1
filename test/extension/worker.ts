/** A worker that knows one operation more than cxflow does. */
import { fileURLToPath } from 'node:url';
import { runWorker } from '../../src/worker.ts';
import { defineCallbackRequest } from './activities.ts';

await runWorker(process.env, {
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  operations: { callbackRequest: defineCallbackRequest },
});
