/** What people decide about a selection, as the worker carries it out: approvals, answers, and who is on record for it. */
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { describeDifference } from '../../src/domain/selection-update/diff.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { perform, workerOf } from './harness.ts';

const opened = ledgerOfFile();

const age = (value: number) => ({ field: 'age', operator: 'gte', value });

/** One campaign `C` of targets L1, and whatever a test does with it. */
async function onSimulator() {
  const { ledger } = opened();
  const { admin, cxone } = await startSimulator();
  const tenant = someId('tenant');
  const { activities } = workerOf(ledger, cxone, { tenant });
  const begin = async (input: Partial<SelectionUpdateInput>, runId = someId('run')) => {
    const whole = { campaignId: 'C', ...input };
    const run = { runId, kind: 'selectionUpdate', target: whole.campaignId, input: whole } as const;
    await perform(() => activities.openRun(run));
    const look = () => perform(() => activities.readSelection({ runId }));
    return {
      runId,
      look,
      plan: async () => {
        const { snapshot } = await look();
        return perform(() => activities.planSelection({ runId, snapshot }));
      },
      write: (answered: Parameters<typeof activities.writeSelection>[0]['answered'] = []) =>
        perform(() => activities.writeSelection({ runId, answered })),
      close: (state: 'completed' | 'failed') =>
        perform(() => activities.closeRun({ runId, state, failure: null })),
      audited: async () => {
        await ledger.audit.seal();
        const updates: unknown[] = [];
        for await (const { action, data } of ledger.audit.list(runId))
          if (action === 'UPDATE_CONTACT_SELECTION') updates.push(data);
        return updates;
      },
    };
  };
  const seen = async (): Promise<number> => {
    const { version } = await perform(() => activities.readCampaign({ campaignId: 'C' }));
    return version;
  };
  const targets = async () => (await admin.campaign('C')).campaign?.contactSelection.targetListIds;
  const history = async () =>
    (await ledger.selections.history({ tenant, campaignId: 'C' }, 10)).map(({ differences }) =>
      differences.map(describeDifference),
    );
  return { admin, begin, seen, targets, history };
}

describe('an approval', () => {
  it('is asked for before anything is written, also where the plan had nothing to write', async () => {
    const { admin, begin, seen, targets } = await onSimulator();
    const baseVersion = await seen();
    // Somebody else was faster, and thinks better of it before we write.
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const run = await begin({ selection: { targetListIds: ['L1', 'L3'] }, baseVersion, approval: true });
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

  it('does not stand for what it was not shown for, and does for what others did beside it', async () => {
    const { admin, begin, seen, targets } = await onSimulator();
    const baseVersion = await seen();
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const selection = { targetListIds: ['L1', 'L3', 'L4'], priorityOrder: ['vip'] };
    const run = await begin({ selection, baseVersion, approval: true });
    expect((await run.plan()).changes).toEqual(['+ list L4: target', '~ priorities: none → "vip"']);
    await admin.editCampaign('C', { remove: { targetListIds: ['L3'] } });
    expect(await run.write()).toEqual({ kind: 'unplanned' });
    expect((await run.plan()).changes?.[0]).toBe('+ list L3: target');
    await admin.editCampaign('C', { add: { targetListIds: ['T'], exclusionListIds: ['X'] } });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'T', 'L3', 'L4']);
  });

  it('that nobody asked for keeps nothing back', async () => {
    const { admin, begin, seen, targets } = await onSimulator();
    const baseVersion = await seen();
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const run = await begin({ selection: { targetListIds: ['L1', 'L3'] }, baseVersion });
    expect(await run.plan()).toMatchObject({ toWrite: 0 });
    await admin.editCampaign('C', { remove: { targetListIds: ['L3'] } });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'L3']);
  });

  it('is of the differences that were shown: the same wish against another campaign is another plan', async () => {
    const { admin, begin } = await onSimulator();
    const change = { add: { targetListIds: ['L2', 'L3'] } };
    const run = await begin({ change });
    const first = await run.plan();
    expect((await run.plan()).hash).toBe(first.hash);
    await admin.editCampaign('C', { add: { targetListIds: ['L3'] } });
    const second = await run.plan();
    expect(second.changes).toEqual(['+ list L2: target']);
    expect(second.hash).not.toBe(first.hash);
  });
});

describe('what is on record', () => {
  it('of a conflict is whose change counted, and who said so and why', async () => {
    const { admin, begin, history } = await onSimulator();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const change = { add: { targetListIds: ['L2'], filterRules: [age(21)] } };
    const run = await begin({ change, onConflict: 'ask' });
    await run.plan();
    await admin.editCampaign('C', { add: { filterRules: [age(16)] } });
    const asked = await run.write();
    if (asked.kind !== 'conflict') return expect.fail(JSON.stringify(asked));
    const [{ place, hash } = { place: '', hash: '' }] = asked.conflicts;
    const answer = { place, hash, side: 'theirs', by: 'dana', reason: 'the law changed' } as const;
    expect(await run.write([answer])).toMatchObject({ kind: 'done', outcome: 'updated' });
    const settled = [{ place, side: 'theirs', by: 'dana', reason: 'the law changed' }];
    expect(await run.audited()).toEqual([expect.objectContaining({ result: 'COMPLETED', settled })]);
    // What was written; the rule was wished and was not.
    expect(await history()).toEqual([['+ list L2: target']]);
  });

  it('of a policy is that it was the policy, also where theirs was kept and nothing written', async () => {
    for (const [onConflict, result] of [
      ['mine', 'COMPLETED'],
      ['theirs', 'UNCHANGED'],
    ] as const) {
      const { admin, begin } = await onSimulator();
      await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
      const run = await begin({ change: { add: { filterRules: [age(21)] } }, onConflict });
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
  it('is refused for another campaign: the base of the first is nothing to measure the second by', async () => {
    const { admin, begin } = await onSimulator();
    const change = { add: { targetListIds: ['L2'] } };
    const first = await begin({ change });
    await first.plan();
    await first.close('failed');
    await admin.seedCampaign('D', { contactSelection: { targetListIds: ['L1'] } });
    const other = await begin({ campaignId: 'D', change }, first.runId);
    await expect(other.plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('began with another input') as string,
    });
  });

  it('goes on where it was with another word for its conflict, and sees it still', async () => {
    const { admin, begin, targets } = await onSimulator();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const change = { add: { targetListIds: ['L2'], filterRules: [age(21)] } };
    const first = await begin({ change });
    await first.plan();
    await admin.editCampaign('C', { add: { filterRules: [age(16)] } });
    expect(await first.write()).toMatchObject({ kind: 'conflict' });
    await first.close('failed');
    const again = await begin({ change, onConflict: 'theirs' }, first.runId);
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
  const wish = { targetListIds: ['L1', 'L2'], filterRules: [age(18), age(21)] };

  it('are taken where the version that was edited had them, and keep what CXone has at them', async () => {
    const { admin, begin, seen } = await onSimulator();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: rules } });
    const run = await begin({ selection: wish, baseVersion: await seen() });
    expect((await run.plan()).changes).toEqual(['+ list L2: target']);
    await run.write();
    expect((await admin.campaign('C')).campaign?.contactSelection.filterRules).toEqual(rules);
  });

  it('are refused where it had one', async () => {
    const { admin, begin, seen } = await onSimulator();
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const run = await begin({ selection: wish, baseVersion: await seen() });
    await expect(run.plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('selection.filterRules[1]') as string,
    });
  });
});

describe('a rollback', () => {
  const written = async () => {
    const simulated = await onSimulator();
    const { admin, begin } = simulated;
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const run = await begin({ change: { add: { targetListIds: ['L2'], filterRules: [age(21)] } } });
    await run.plan();
    await run.write();
    return { ...simulated, rollbackOf: run.runId };
  };

  it('that was made already changes nothing more', async () => {
    const { begin, targets, rollbackOf } = await written();
    for (const outcome of ['updated', 'existing']) {
      const back = await begin({ rollbackOf });
      await back.plan();
      expect(await back.write()).toMatchObject({ kind: 'done', outcome });
      expect(await targets()).toEqual(['L1']);
    }
  });

  it('of what somebody else changed since is a conflict, and their other changes stay', async () => {
    const { admin, begin, targets, rollbackOf } = await written();
    await admin.editCampaign('C', { add: { targetListIds: ['T'], filterRules: [age(25)] } });
    const back = await begin({ rollbackOf, onConflict: 'mine' });
    expect((await back.plan()).changes).toEqual(['- list L2: target', '~ rule age gte 25 → 18']);
    const asking = await begin({ rollbackOf });
    expect(await asking.plan()).toMatchObject({ conflicts: 1 });
    expect(await asking.write()).toMatchObject({
      kind: 'conflict',
      conflicts: [{ base: '21', theirs: '25', ours: '18' }],
    });
    await back.write();
    expect(await targets()).toEqual(['L1', 'T']);
  });

  it('of a run that wrote nothing, or another campaign, is refused', async () => {
    const { begin, rollbackOf } = await written();
    const nothing = await begin({ change: { add: { targetListIds: ['L2'] } } });
    await nothing.plan();
    await nothing.write();
    const refused = { type: 'InvalidInput' };
    await expect((await begin({ rollbackOf: nothing.runId })).plan()).rejects.toMatchObject(refused);
    await expect((await begin({ rollbackOf, campaignId: 'D' })).plan()).rejects.toMatchObject(refused);
  });
});
