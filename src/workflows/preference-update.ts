/**
 * Consent preferences (tutorial S0).
 *
 * 1. open    the run in the ledger; the same content ends here
 * 2. stage   the source, row by row, by S0's rules; objections that CXone would refuse go to our own suppression list
 * 3. plan    the newest of each contact and channel, counted and hashed; a dry run ends here
 * 4. decide  wait for approve or reject, where that was asked for
 * 5. write   page by page: read what CXone has, then batches of 100 that timestamp-wins settles
 * 6. settle  what is in doubt: nothing, but for a run that was cancelled over a lost answer
 * 7. tell    marketing the rest
 * 8. close   every record has its outcome, the parts add up
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  PREFERENCES_TARGET,
  type PreferenceUpdateInput,
  type PreferenceUpdateResult,
} from '../contract/run.ts';
import { checkPreferenceUpdate } from '../contract/input.ts';
import { tellBulkStory } from './engine/bulk-operation.ts';
import { endsTheRun } from './policies.ts';
import { createRun, type Resumed } from './engine/run.ts';

/** `resumed` is ours: a run that continues as new gives it to itself. */
export async function preferenceUpdate(
  given: PreferenceUpdateInput,
  resumed?: Resumed,
): Promise<PreferenceUpdateResult> {
  const checked = checkPreferenceUpdate(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const kind = 'preferenceUpdate';
  const run = createRun({ kind, target: PREFERENCES_TARGET, input, resumed });
  const renew = () => continueAsNew<typeof preferenceUpdate>(input, run.resume());
  return tellBulkStory({ run, kind, input, resumed, renew });
}
