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
import {
  type SelectionUpdateInput,
  type SelectionUpdateResult,
  selectionUpdate as spec,
} from '../../contract/selection-update.ts';
import { close, runToCompletion } from '../engine/completion.ts';
import { createRun, type Run } from '../engine/run.ts';
import { awaitApproval, finishDelivery, open, startDelivery } from '../engine/steps.ts';
import { cxoneReads } from '../policies.ts';
import { writeSelection } from './writing.ts';

export async function selectionUpdate(input: SelectionUpdateInput): Promise<SelectionUpdateResult> {
  const run = createRun(spec, input);
  return runToCompletion(run, async () => {
    await open(run);
    await plan(run);
    if (input.dryRun) return close(run, 'completed');
    if ((await awaitApprovalOfChanges(run)) === 'rejected') return close(run, 'rejected');
    const written = await writeSelection(run, input, async () => {
      run.steering.dropApproval();
      await plan(run);
      return awaitApprovalOfChanges(run);
    });
    if (written === 'rejected') return close(run, 'rejected');
    await finishDelivery(run, startDelivery(run));
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

async function awaitApprovalOfChanges(run: Run): Promise<'approved' | 'rejected'> {
  const changesAnything = (run.plan?.toWrite ?? 0) > 0;
  return changesAnything ? awaitApproval(run) : 'approved';
}
