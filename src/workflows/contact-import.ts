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
import type { ContactImportInput, ContactImportResult } from '../contract.ts';
import { checkContactImport } from '../contract-input.ts';
import { endsTheRun } from './policies.ts';
import { createRun, type Resumed } from './run.ts';

/** `resumed` is ours: a run that continues as new gives it to itself. */
export async function contactImport(
  given: ContactImportInput,
  resumed?: Resumed,
): Promise<ContactImportResult> {
  const checked = checkContactImport(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const run = createRun({ kind: 'contactImport', target: input.listId, input, resumed });
  const { steps } = run;
  return run.story(async () => {
    if (!resumed) {
      await steps.open();
      await steps.stage();
      await steps.plan();
      if (input.dryRun) return steps.close('completed');
      if ((await steps.decide()) === 'rejected') return steps.close('rejected');
    }
    const told = run.keepTelling();
    if (!(await steps.write())) {
      told.stop();
      await told.ended;
      await run.settledDown();
      return continueAsNew<typeof contactImport>(input, run.resume());
    }
    await steps.settleDoubts();
    await steps.tell(told);
    return steps.close('completed');
  });
}
