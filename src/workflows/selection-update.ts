/**
 * Selection update (tutorial S3).
 *
 * 1. open    the run in the ledger
 * 2. look    at the campaign as it is
 * 3. plan    the rules, and what is going to change; a dry run ends here
 * 4. decide  wait for approve or reject, where that was asked for and something changes
 * 5. write   look again, merge, PATCH under the version; again after a collision; true conflicts go to the policy or a person
 * 6. tell    the CRM
 * 7. close   the selection has its outcome
 */
import type { SelectionUpdateInput, SelectionUpdateResult } from '../contract.ts';
import { checkSelectionUpdate } from '../contract-input.ts';
import { close, tellStory } from './ending.ts';
import { endsTheRun, looking } from './policies.ts';
import { createRun, type Run } from './run.ts';
import { decide, finishTelling, open, startTelling } from './steps.ts';
import { writeSelection } from './selection-writing.ts';

export async function selectionUpdate(given: SelectionUpdateInput): Promise<SelectionUpdateResult> {
  const checked = checkSelectionUpdate(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const run = createRun({ kind: 'selectionUpdate', target: input.campaignId, input, resumed: undefined });
  return tellStory(run, async () => {
    await open(run, 'selectionUpdate');
    await plan(run, await look(run));
    if (input.dryRun) return close(run, 'completed');
    if (changesAnything(run) && (await decide(run)) === 'rejected') return close(run, 'rejected');
    await writeSelection(run, input);
    await finishTelling(run, startTelling(run));
    return close(run, 'completed');
  });
}

async function look({ runId, target }: Run): Promise<string> {
  const { snapshot } = await looking.readSelection.executeWithOptions({ summary: `campaign ${target}` }, [
    { runId },
  ]);
  return snapshot;
}

async function plan(run: Run, snapshot: string): Promise<void> {
  const { now, runId } = run;
  await run.enter('planning');
  const planned = await looking.planSelection.executeWithOptions({ summary: 'rules and differences' }, [
    { runId, snapshot },
  ]);
  now.plan = planned;
  now.counts = { total: 1, pending: 1 };
  run.show();
}

const changesAnything = ({ now }: Run): boolean => (now.plan?.toWrite ?? 0) > 0;
