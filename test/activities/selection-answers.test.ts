/** Answers to a PATCH that say less than they should. */
import { expect, it } from 'vitest';
import { ledgerOfFile } from '../ledger/harness.ts';
import { startCampaign } from './campaigns.ts';

const opened = ledgerOfFile();

it('an update is audited as not compared if the selection in the answer cannot be read', async () => {
  const { hooks, openAndPlan, write, audit } = await startCampaign(opened());
  hooks.patch = async (_, send) => {
    const answer = await send();
    return answer.kind === 'updated' ? { ...answer, selection: null } : answer;
  };
  const run = await openAndPlan({ change: { add: { targetListIds: ['M'] } } });
  expect(await write(run)).toMatchObject({ outcome: 'updated', version: 2 });
  expect((await audit(run))[0]?.details).toMatch(/^Updated, but .* was not compared/);
});
