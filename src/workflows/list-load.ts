/**
 * List load.
 *
 * 1. open      the run in the ledger; a run with the same content and target ends here
 * 2. stage     the rows of the source, each checked and scored; CXone's suppression list is read, those on it are settled,
 *              then the duplicates
 * 3. plan      reserve room in the campaign, cut the records into batches by score, count, hash; a dry run ends here
 * 4. approve   wait for approval or rejection, if approval is required
 * 5. write     page by page, one request after the other; continues as new when the history grows long
 * 6. resolve   writes in doubt, as an operator or the policy decides
 * 7. deliver   the event of the run
 * 8. close     check that every record has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import { type ListLoadInput, type ListLoadResult, listLoad as spec } from '../contract/list-load.ts';
import { runBulkOperation } from './engine/bulk-operation.ts';
import type { CarryOver } from './engine/carry-over.ts';

/** `carryOver` is internal: a run that continues as new passes it to itself. */
export function listLoad(input: ListLoadInput, carryOver?: CarryOver): Promise<ListLoadResult> {
  return runBulkOperation({ spec, input, carryOver, continueAsNew: continueAsNew<typeof listLoad> });
}
