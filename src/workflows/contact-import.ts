/**
 * Contact import.
 *
 * 1. open      the run in the ledger; a run with the same content and target ends here
 * 2. stage     the rows of the source, each checked by the rules for contacts
 * 3. plan      cut the records into batches, count, hash; a dry run ends here
 * 4. approve   wait for approval or rejection, if approval is required
 * 5. write     page by page; continues as new when the history grows long
 * 6. resolve   writes in doubt, as an operator or the policy decides
 * 7. deliver   the remaining events
 * 8. close     check that every record has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  type ContactImportInput,
  type ContactImportResult,
  contactImport as spec,
} from '../contract/contact-import.ts';
import { runBulkOperation } from './engine/bulk-operation.ts';
import type { CarryOver } from './engine/carry-over.ts';

/** `carryOver` is internal: a run that continues as new passes it to itself. */
export function contactImport(
  input: ContactImportInput,
  carryOver?: CarryOver,
): Promise<ContactImportResult> {
  return runBulkOperation({ spec, input, carryOver, continueAsNew: continueAsNew<typeof contactImport> });
}
