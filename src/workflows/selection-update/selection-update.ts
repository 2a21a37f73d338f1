/**
 * Selection update.
 *
 * 1. open     the run in the ledger
 * 2. read     the campaign as CXone has it
 * 3. plan     check the rules, compare; a dry run ends here
 * 4. approve  wait for approval or rejection, if approval is required and something would change
 * 5. write    read again, merge, PATCH under the version that was read; repeat after a collision. The policy or an operator
 *             resolves conflicts. Back to 2 if more would be written by then than the plan showed
 * 6. deliver  the event
 * 7. close    check that the selection has its outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  type SelectionUpdateInput,
  type SelectionUpdateResult,
  selectionUpdate as spec,
} from '../../contract/selection-update.ts';
import type { CarryOver } from '../engine/carry-over.ts';
import { close, runToCompletion } from '../engine/completion.ts';
import { finishDelivery } from '../engine/delivery.ts';
import { createRun, type Run } from '../engine/run.ts';
import { awaitApproval, open } from '../engine/steps.ts';
import { cxoneReads } from '../policies.ts';
import { NOTHING_WRITTEN, type WritingState, writeSelection } from './writing.ts';

interface SelectionCarryOver extends CarryOver {
  readonly writing: WritingState;
}

/** `carryOver` is internal: a run that continues as new passes it to itself. */
export async function selectionUpdate(
  input: SelectionUpdateInput,
  carryOver?: SelectionCarryOver,
): Promise<SelectionUpdateResult> {
  const writing = { ...(carryOver?.writing ?? NOTHING_WRITTEN) };
  const goOn = (next: CarryOver) => continueAsNew<typeof selectionUpdate>(input, { ...next, writing });
  const run = createRun(spec, input, goOn, carryOver);
  return runToCompletion(run, async () => {
    if (!carryOver) {
      await open(run);
      await plan(run);
      if (input.dryRun) return close(run, 'completed');
    }
    const isUndecided = !carryOver || carryOver.waitingIn === 'awaiting_approval';
    if (isUndecided && (await awaitApprovalOfChanges(run)) === 'rejected') return close(run, 'rejected');
    const written = await writeSelection(run, input, writing, async () => {
      run.steering.dropApproval();
      await plan(run);
      return awaitApprovalOfChanges(run);
    });
    if (written === 'rejected') return close(run, 'rejected');
    await finishDelivery(run);
    return close(run, 'completed');
  });
}

async function plan(run: Run): Promise<void> {
  const { runId, target } = run;
  const { snapshot } = await cxoneReads.readSelection.executeWithOptions({ summary: `campaign ${target}` }, [
    { runId },
  ]);
  await run.enter('planning');
  run.plan = await cxoneReads.planSelection.executeWithOptions({ summary: 'rules and differences' }, [
    { runId, snapshot },
  ]);
  run.counts = { total: 1, pending: 1 };
  run.show();
}

function awaitApprovalOfChanges(run: Run): Promise<'approved' | 'rejected'> {
  const changesAnything = (run.plan?.toWrite ?? 0) > 0;
  run.needsApproval = run.input.approval === true && changesAnything;
  return awaitApproval(run);
}
