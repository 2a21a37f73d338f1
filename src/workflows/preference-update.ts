/**
 * Preference update.
 *
 * 1. open      the run in the ledger; a run with the same content ends here
 * 2. stage     the rows of the source, each checked by the consent rules; keep the newest row of each contact and channel;
 *              put objections that CXone would refuse on our own suppression list
 * 3. plan      cut the records into batches, count, hash; a dry run ends here
 * 4. approve   wait for approval or rejection, if approval is required
 * 5. write     page by page: read the preferences that CXone holds, then send batches; CXone keeps the newer of the two
 * 6. resolve   does nothing here, because every write of this operation can be repeated safely
 * 7. deliver   the remaining events
 * 8. close     check that every record has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  type PreferenceUpdateInput,
  type PreferenceUpdateResult,
  preferenceUpdate as spec,
} from '../contract/preference-update.ts';
import { runBulkOperation } from './engine/bulk-operation.ts';
import type { CarryOver } from './engine/carry-over.ts';

/** `carryOver` is internal: a run that continues as new passes it to itself. */
export function preferenceUpdate(
  input: PreferenceUpdateInput,
  carryOver?: CarryOver,
): Promise<PreferenceUpdateResult> {
  return runBulkOperation({ spec, input, carryOver, continueAsNew: continueAsNew<typeof preferenceUpdate> });
}
