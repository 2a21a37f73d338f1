/** The steps of every operation that writes its records in batches. */
import type { BulkResult, CommonInput } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import type { CarryOver } from './carry-over.ts';
import { close, runToCompletion } from './completion.ts';
import { finishDelivery, startDelivery } from './delivery.ts';
import { handOver } from './hand-over.ts';
import { createRun } from './run.ts';
import { approve, open, plan, resolveInDoubt, stage, waitForWrites, write } from './steps.ts';

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
  const run = createRun(spec, input, (next) => continueAsNew(input, next), carryOver);
  return runToCompletion<Result>(run, async () => {
    if (!carryOver) {
      await open(run);
      await stage(run);
      await plan(run);
      if (input.dryRun) return close<Result>(run, 'completed');
    }
    const isUndecided = !carryOver || carryOver.waitingIn === 'awaiting_approval';
    if (isUndecided && (await approve(run)) === 'rejected') return close<Result>(run, 'rejected');
    startDelivery(run);
    do {
      while (!((await write(run)) && (await resolveInDoubt(run)))) await handOver(run);
    } while (await waitForWrites(run));
    await finishDelivery(run);
    return close<Result>(run, 'completed');
  });
}
