/** Example operation: its steps are those of every operation that writes in batches. */
import { continueAsNew } from '@temporalio/workflow';
import { runBulkOperation } from '../../src/workflows/engine/bulk-operation.ts';
import type { CarryOver } from '../../src/workflows/engine/carry-over.ts';
import {
  type CallbackRequestInput,
  type CallbackRequestResult,
  callbackRequest as spec,
} from './contract.ts';

export function callbackRequest(
  input: CallbackRequestInput,
  carryOver?: CarryOver,
): Promise<CallbackRequestResult> {
  return runBulkOperation({ spec, input, carryOver, continueAsNew: continueAsNew<typeof callbackRequest> });
}
