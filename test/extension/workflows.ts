/** The registry of workflows: those of cxflow, and the example operation. */
export * from '../../src/workflows/index.ts';
export { callbackRequest } from './workflow.ts';
