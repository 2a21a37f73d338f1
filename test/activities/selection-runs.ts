/** Runs of selection updates whose activities a test calls one by one. */
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { describeDifference } from '../../src/domain/selection-update/diff.ts';
import { type Opened, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { createWorker, runActivity } from './harness.ts';

/** A campaign `C` with the target list L1, and a worker for it. */
export async function startSelectionRuns({ ledger }: Pick<Opened, 'ledger'>) {
  const { admin, cxone } = await startSimulator();
  const tenant = someId('tenant');
  const { activities } = createWorker(ledger, cxone, { tenant });
  const openRun = async (input: Partial<SelectionUpdateInput>, runId = someId('run')) => {
    const whole = { campaignId: 'C', ...input };
    const run = { runId, kind: 'selectionUpdate', target: whole.campaignId, input: whole } as const;
    await runActivity(() => activities.openRun(run));
    const read = () => runActivity(() => activities.readSelection({ runId }));
    return {
      runId,
      read,
      plan: async () => {
        const { snapshot } = await read();
        return runActivity(() => activities.planSelection({ runId, snapshot }));
      },
      write: (answered: Parameters<typeof activities.writeSelection>[0]['answered'] = []) =>
        runActivity(() => activities.writeSelection({ runId, answered })),
      close: (state: 'completed' | 'failed') =>
        runActivity(() => activities.closeRun({ runId, state, failure: null })),
      audited: async () => {
        await ledger.audit.seal();
        const updates: unknown[] = [];
        for await (const { action, data } of ledger.audit.list(runId))
          if (action === 'UPDATE_CONTACT_SELECTION') updates.push(data);
        return updates;
      },
    };
  };
  const readVersion = async (): Promise<number> => {
    const { version } = await runActivity(() => activities.readCampaign({ campaignId: 'C' }));
    return version;
  };
  const targets = async () => (await admin.campaign('C')).campaign?.contactSelection.targetListIds;
  const history = async () =>
    (await ledger.selections.history({ tenant, campaignId: 'C' }, 10)).map(({ differences }) =>
      differences.map(describeDifference),
    );
  return { admin, openRun, readVersion, targets, history };
}
