/** Decisions about selections: approvals, answers to conflicts, and their audit. */
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { describeDifference } from '../../src/domain/selection-update/diff.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { createWorker, runActivity } from './harness.ts';

const opened = ledgerOfFile();

const age = (value: number) => ({ field: 'age', operator: 'gte', value });

/** A campaign `C` with the target list L1, and a worker for it. */
async function start() {
  const { ledger } = opened();
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

describe('an approval', () => {
  it('is required before anything is written, even if the plan had nothing to write', async () => {
    const { admin, openRun, readVersion, targets } = await start();
    const baseVersion = await readVersion();
    // Somebody else makes the same change first, and reverts it before we write.
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const run = await openRun({ selection: { targetListIds: ['L1', 'L3'] }, baseVersion, approval: true });
    const planned = await run.plan();
    expect(planned).toMatchObject({ toWrite: 0, changes: [] });
    await admin.editCampaign('C', { remove: { targetListIds: ['L3'] } });
    expect(await run.write()).toEqual({ kind: 'unplanned' });
    expect(await targets()).toEqual(['L1']);

    const again = await run.plan();
    expect(again).toMatchObject({ toWrite: 1, changes: ['+ list L3: target'] });
    expect(again.hash).not.toBe(planned.hash);
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'L3']);
  });

  it('does not cover differences that were not shown, but allows for other changes by others', async () => {
    const { admin, openRun, readVersion, targets } = await start();
    const baseVersion = await readVersion();
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const selection = { targetListIds: ['L1', 'L3', 'L4'], priorityOrder: ['vip'] };
    const run = await openRun({ selection, baseVersion, approval: true });
    expect((await run.plan()).changes).toEqual(['+ list L4: target', '~ priorities: none → "vip"']);
    await admin.editCampaign('C', { remove: { targetListIds: ['L3'] } });
    expect(await run.write()).toEqual({ kind: 'unplanned' });
    expect((await run.plan()).changes?.[0]).toBe('+ list L3: target');
    await admin.editCampaign('C', { add: { targetListIds: ['T'], exclusionListIds: ['X'] } });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'T', 'L3', 'L4']);
  });

  it('that is not required withholds nothing', async () => {
    const { admin, openRun, readVersion, targets } = await start();
    const baseVersion = await readVersion();
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const run = await openRun({ selection: { targetListIds: ['L1', 'L3'] }, baseVersion });
    expect(await run.plan()).toMatchObject({ toWrite: 0 });
    await admin.editCampaign('C', { remove: { targetListIds: ['L3'] } });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'L3']);
  });

  it('is bound to the differences that were shown', async () => {
    const { admin, openRun } = await start();
    const change = { add: { targetListIds: ['L2', 'L3'] } };
    const run = await openRun({ change });
    const first = await run.plan();
    expect((await run.plan()).hash).toBe(first.hash);
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const second = await run.plan();
    expect(second.changes).toEqual(['+ list L2: target']);
    expect(second.hash).not.toBe(first.hash);
  });
});

describe('the audit', () => {
  it('of a conflict has the side that was chosen, by whom and why', async () => {
    const { admin, openRun, history } = await start();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const change = { add: { targetListIds: ['L2'], filterRules: [age(21)] } };
    const run = await openRun({ change, onConflict: 'ask' });
    await run.plan();
    await admin.editCampaign('C', { add: { filterRules: [age(16)] } });
    const conflicting = await run.write();
    if (conflicting.kind !== 'conflict') return expect.fail(JSON.stringify(conflicting));
    const [{ place, hash } = { place: '', hash: '' }] = conflicting.conflicts;
    const places = [{ place, hash, side: 'theirs' as const }];
    const answer = { places, by: 'dana', reason: 'the law changed' };
    expect(await run.write([answer])).toMatchObject({ kind: 'done', outcome: 'updated' });
    const settled = [{ place, side: 'theirs', by: 'dana', reason: 'the law changed' }];
    expect(await run.audited()).toEqual([expect.objectContaining({ result: 'COMPLETED', settled })]);
    // Only what was written; the rule was not.
    expect(await history()).toEqual([['+ list L2: target']]);
  });

  it('of a conflict that the policy resolved names the policy, even if nothing was written', async () => {
    for (const [onConflict, result] of [
      ['mine', 'COMPLETED'],
      ['theirs', 'UNCHANGED'],
    ] as const) {
      const { admin, openRun } = await start();
      await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
      const run = await openRun({ change: { add: { filterRules: [age(21)] } }, onConflict });
      await run.plan();
      await admin.editCampaign('C', { add: { filterRules: [age(16)] } });
      await run.write();
      const place = 'filterRules/age/gte';
      const settled = [{ place, side: onConflict, by: null, reason: 'onConflict of the input' }];
      expect(await run.audited()).toEqual([expect.objectContaining({ result, settled })]);
    }
  });
});

describe('a run that is started again under its id', () => {
  it('is refused for another campaign', async () => {
    const { admin, openRun } = await start();
    const change = { add: { targetListIds: ['L2'] } };
    const first = await openRun({ change });
    await first.plan();
    await first.close('failed');
    await admin.seedCampaign('D', { contactSelection: { targetListIds: ['L1'] } });
    const other = await openRun({ campaignId: 'D', change }, first.runId);
    await expect(other.plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('began with another input') as string,
    });
  });

  it('continues with another policy for the same conflict', async () => {
    const { admin, openRun, targets } = await start();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const change = { add: { targetListIds: ['L2'], filterRules: [age(21)] } };
    const first = await openRun({ change });
    await first.plan();
    await admin.editCampaign('C', { add: { filterRules: [age(16)] } });
    expect(await first.write()).toMatchObject({ kind: 'conflict' });
    await first.close('failed');
    const again = await openRun({ change, onConflict: 'theirs' }, first.runId);
    expect((await again.plan()).changes).toEqual(['+ list L2: target']);
    expect(await again.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'L2']);
  });
});

describe('several rules of one field and operator', () => {
  const rules = [
    { ...age(18), id: 1 },
    { ...age(21), id: 2 },
  ];
  const desired = { targetListIds: ['L1', 'L2'], filterRules: [age(18), age(21)] };

  it('are accepted if the edited version had them, and stay as CXone has them', async () => {
    const { admin, openRun, readVersion } = await start();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: rules } });
    const run = await openRun({ selection: desired, baseVersion: await readVersion() });
    expect((await run.plan()).changes).toEqual(['+ list L2: target']);
    await run.write();
    expect((await admin.campaign('C')).campaign?.contactSelection.filterRules).toEqual(rules);
  });

  it('are refused if the edited version had one', async () => {
    const { admin, openRun, readVersion } = await start();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const run = await openRun({ selection: desired, baseVersion: await readVersion() });
    await expect(run.plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('selection.filterRules[1]') as string,
    });
  });
});

describe('a rollback', () => {
  const written = async () => {
    const simulated = await start();
    const { admin, openRun } = simulated;
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const run = await openRun({ change: { add: { targetListIds: ['L2'], filterRules: [age(21)] } } });
    await run.plan();
    await run.write();
    return { ...simulated, rollbackOf: run.runId };
  };

  it('changes nothing when it is repeated', async () => {
    const { openRun, targets, rollbackOf } = await written();
    for (const outcome of ['updated', 'existing']) {
      const back = await openRun({ rollbackOf });
      await back.plan();
      expect(await back.write()).toMatchObject({ kind: 'done', outcome });
      expect(await targets()).toEqual(['L1']);
    }
  });

  it('conflicts with later changes of the same place, and keeps their other changes', async () => {
    const { admin, openRun, targets, rollbackOf } = await written();
    await admin.editCampaign('C', { add: { targetListIds: ['T'], filterRules: [age(25)] } });
    const back = await openRun({ rollbackOf, onConflict: 'mine' });
    expect((await back.plan()).changes).toEqual(['- list L2: target', '~ rule age gte 25 → 18']);
    const unresolved = await openRun({ rollbackOf });
    expect(await unresolved.plan()).toMatchObject({ conflicts: 1 });
    expect(await unresolved.write()).toMatchObject({
      kind: 'conflict',
      conflicts: [{ base: '21', theirs: '25', ours: '18' }],
    });
    await back.write();
    expect(await targets()).toEqual(['L1', 'T']);
  });

  it('of a run that wrote nothing, or another campaign, is refused', async () => {
    const { openRun, rollbackOf } = await written();
    const nothing = await openRun({ change: { add: { targetListIds: ['L2'] } } });
    await nothing.plan();
    await nothing.write();
    const refused = { type: 'InvalidInput' };
    await expect((await openRun({ rollbackOf: nothing.runId })).plan()).rejects.toMatchObject(refused);
    await expect((await openRun({ rollbackOf, campaignId: 'D' })).plan()).rejects.toMatchObject(refused);
  });
});
