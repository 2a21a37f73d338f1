/** The steps of every operation that writes its records in batches. */
import type { BulkResult, CommonInput } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import { close, runToCompletion } from './completion.ts';
import { type CarryOver, createRun } from './run.ts';
import {
  awaitApproval,
  finishDelivery,
  open,
  plan,
  resolveInDoubt,
  stage,
  startDelivery,
  write,
} from './steps.ts';

export interface BulkOperation<Input extends CommonInput> {
  readonly spec: OperationSpec<string, Input>;
  /** As the caller sent it; it is checked here. */
  readonly input: Input;
  readonly carryOver: CarryOver | undefined;
  /** Continues the calling workflow as new. */
  readonly continueAsNew: (input: Input, carryOver: CarryOver) => Promise<never>;
}

export function runBulkOperation<Result extends BulkResult, Input extends CommonInput>(
  operation: BulkOperation<Input>,
): Promise<Result> {
  const { spec, input, carryOver, continueAsNew } = operation;
  const run = createRun(spec, input, carryOver);
  return runToCompletion<Result>(run, async () => {
    if (!carryOver) {
      await open(run);
      await stage(run);
      await plan(run);
      if (input.dryRun) return close<Result>(run, 'completed');
      if ((await awaitApproval(run)) === 'rejected') return close<Result>(run, 'rejected');
    }
    const delivery = startDelivery(run);
    const isWritten = (await write(run)) && (await resolveInDoubt(run));
    if (!isWritten) {
      delivery.stop();
      await delivery.ended;
      await run.allMessagesProcessed();
      return continueAsNew(input, run.carryOver());
    }
    await finishDelivery(run, delivery);
    return close<Result>(run, 'completed');
  });
}
