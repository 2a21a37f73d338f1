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
import { close, tellStory } from './ending.ts';
import { endsTheRun } from './policies.ts';
import { createRun, type Resumed } from './run.ts';
import { decide, finishTelling, open, plan, settleDoubts, stage, startTelling, write } from './steps.ts';

/** `resumed` is ours: a run that continues as new gives it to itself. */
export async function contactImport(
  given: ContactImportInput,
  resumed?: Resumed,
): Promise<ContactImportResult> {
  const checked = checkContactImport(given);
  if ('problems' in checked) throw endsTheRun('InvalidInput', checked.problems.join('; '));
  const { input } = checked;
  const run = createRun({ kind: 'contactImport', target: input.listId, input, resumed });
  return tellStory(run, async () => {
    if (!resumed) {
      await open(run, 'contactImport');
      await stage(run);
      await plan(run);
      if (input.dryRun) return close(run, 'completed');
      if ((await decide(run)) === 'rejected') return close(run, 'rejected');
    }
    const telling = startTelling(run);
    if (!((await write(run)) && (await settleDoubts(run)))) {
      telling.stop();
      await telling.ended;
      await run.settledDown();
      return continueAsNew<typeof contactImport>(input, run.resume());
    }
    await finishTelling(run, telling);
    return close(run, 'completed');
  });
}
