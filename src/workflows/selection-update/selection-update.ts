/**
 * Selection update (tutorial S3).
 *
 * 1. open    the run in the ledger
 * 2. look    at the campaign as it is
 * 3. plan    the rules, and what is going to change; a dry run ends here
 * 4. decide  wait for approve or reject, where that was asked for and something changes
 * 5. write   look again, merge, PATCH under the version; again after a collision; true conflicts go to the policy or a
 *            person; back to 2 where more is to be written by now than was shown to whoever approved it
 * 6. tell    the CRM
 * 7. close   the selection has its outcome
 */
import {
  type SelectionUpdateInput,
  type SelectionUpdateResult,
  selectionUpdate as spec,
} from '../../contract/selection-update.ts';
import { close, runToCompletion } from '../engine/completion.ts';
import { cxoneReads } from '../policies.ts';
import { createRun, type Run } from '../engine/run.ts';
import { decide, finishDelivery, open, startDelivery } from '../engine/steps.ts';
import { writeSelection } from './writing.ts';

export async function selectionUpdate(input: SelectionUpdateInput): Promise<SelectionUpdateResult> {
  const run = createRun(spec, input);
  return runToCompletion(run, async () => {
    await open(run);
    await plan(run, await look(run));
    if (input.dryRun) return close(run, 'completed');
    if ((await decideOn(run)) === 'rejected') return close(run, 'rejected');
    const written = await writeSelection(run, input, async () => {
      run.steering.forgetApproval();
      await plan(run, await look(run));
      return decideOn(run);
    });
    if (written === 'rejected') return close(run, 'rejected');
    await finishDelivery(run, startDelivery(run));
    return close(run, 'completed');
  });
}

async function look({ runId, target }: Run): Promise<string> {
  const { snapshot } = await cxoneReads.readSelection.executeWithOptions({ summary: `campaign ${target}` }, [
    { runId },
  ]);
  return snapshot;
}

async function plan(run: Run, snapshot: string): Promise<void> {
  const { now, runId } = run;
  await run.enter('planning');
  const planned = await cxoneReads.planSelection.executeWithOptions({ summary: 'rules and differences' }, [
    { runId, snapshot },
  ]);
  now.plan = planned;
  now.counts = { total: 1, pending: 1 };
  run.show();
}

async function decideOn(run: Run): Promise<'go' | 'rejected'> {
  const changesAnything = (run.now.plan?.toWrite ?? 0) > 0;
  return changesAnything ? decide(run) : 'go';
}
