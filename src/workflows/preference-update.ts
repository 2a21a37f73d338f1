/**
 * Preference update.
 *
 * 1. open      the run in the ledger; a run with the same content ends here
 * 2. stage     the rows of the source, each checked by the consent rules; objections that CXone would refuse enter our
 *              own suppression list
 * 3. plan      keep the newest row of each contact and channel, count, hash; a dry run ends here
 * 4. decide    wait for approve or reject, if approval is required
 * 5. write     page by page: read what CXone holds, then send batches; CXone keeps the newer of two preferences
 * 6. resolve   writes in doubt; there are none unless a run was cancelled after a lost answer
 * 7. deliver   the remaining events
 * 8. close     check that every record has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  preferenceUpdate as spec,
  type PreferenceUpdateInput,
  type PreferenceUpdateResult,
} from '../contract/preference-update.ts';
import { runBulkOperation } from './engine/bulk-operation.ts';
import type { Resumed } from './engine/run.ts';

/** `resumed` is internal: a run that continues as new passes it to itself. */
export function preferenceUpdate(
  input: PreferenceUpdateInput,
  resumed?: Resumed,
): Promise<PreferenceUpdateResult> {
  return runBulkOperation({ spec, input, resumed, renew: continueAsNew<typeof preferenceUpdate> });
}
