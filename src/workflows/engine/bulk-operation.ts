/** The steps of every operation that writes its records in batches. */
import type { BulkResult, CommonInput } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import { close, runToCompletion } from './completion.ts';
import { createRun, type Resumed } from './run.ts';
import { decide, finishDelivery, open, plan, resolveInDoubt, stage, startDelivery, write } from './steps.ts';

export interface BulkOperation<Input extends CommonInput> {
  readonly spec: OperationSpec<string, Input>;
  /** As the caller gave it: it is checked here. */
  readonly input: Input;
  readonly resumed: Resumed | undefined;
  /** Continues the calling workflow as new. */
  readonly renew: (input: Input, resumed: Resumed) => Promise<never>;
}

export function runBulkOperation<Result extends BulkResult, Input extends CommonInput>(
  operation: BulkOperation<Input>,
): Promise<Result> {
  const { spec, input, resumed, renew } = operation;
  const run = createRun(spec, input, resumed);
  return runToCompletion<Result>(run, async () => {
    if (!resumed) {
      await open(run);
      await stage(run);
      await plan(run);
      if (input.dryRun) return close<Result>(run, 'completed');
      if ((await decide(run)) === 'rejected') return close<Result>(run, 'rejected');
    }
    const delivery = startDelivery(run);
    if (!((await write(run)) && (await resolveInDoubt(run)))) {
      delivery.stop();
      await delivery.ended;
      await run.settledDown();
      return renew(input, run.resume());
    }
    await finishDelivery(run, delivery);
    return close<Result>(run, 'completed');
  });
}
