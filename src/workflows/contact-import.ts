/**
 * Contact import.
 *
 * 1. open      the run in the ledger; a run with the same content and target ends here
 * 2. stage     the rows of the source, each checked by the rules for contacts
 * 3. plan      count, cut into batches, hash; a dry run ends here
 * 4. decide    wait for approve or reject, if approval is required
 * 5. write     page by page; continues as new when the history grows long
 * 6. resolve   writes in doubt: a person or the policy decides
 * 7. deliver   the remaining events
 * 8. close     check that every record has one outcome, store the result
 */
import { continueAsNew } from '@temporalio/workflow';
import {
  contactImport as spec,
  type ContactImportInput,
  type ContactImportResult,
} from '../contract/contact-import.ts';
import { runBulkOperation } from './engine/bulk-operation.ts';
import type { Resumed } from './engine/run.ts';

/** `resumed` is internal: a run that continues as new passes it to itself. */
export function contactImport(input: ContactImportInput, resumed?: Resumed): Promise<ContactImportResult> {
  return runBulkOperation({ spec, input, resumed, renew: continueAsNew<typeof contactImport> });
}
