/**
 * Contact import (tutorial S1).
 *
 * 1. open    the run in the ledger; the same content to the same list ends here
 * 2. stage   the source, row by row, by the rules of contacts
 * 3. plan    counted and hashed; a dry run ends here
 * 4. decide  wait for approve or reject, where that was asked for
 * 5. write   batches of 100, page by page; the history is renewed when it grows long
 * 6. settle  what is in doubt: a person or the policy says
 * 7. tell    the CRM the rest
 * 8. close   every record has its outcome, the parts add up
 */
import { continueAsNew } from '@temporalio/workflow';
import type { ContactImportInput, ContactImportResult } from '../contract/run.ts';
import { checkContactImport } from '../contract/input.ts';
import { tellBulkStory } from './engine/bulk-operation.ts';
import { endsTheRun } from './policies.ts';
import { createRun, type Resumed } from './engine/run.ts';

/** `resumed` is ours: a run that continues as new gives it to itself. */
export async function contactImport(
  given: ContactImportInput,
  resumed?: Resumed,
): Promise<ContactImportResult> {
  const checked = checkContactImport(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const kind = 'contactImport';
  const run = createRun({ kind, target: input.listId, input, resumed });
  const renew = () => continueAsNew<typeof contactImport>(input, run.resume());
  return tellBulkStory({ run, kind, input, resumed, renew });
}
