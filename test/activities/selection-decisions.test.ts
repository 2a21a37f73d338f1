/** Decisions about selections: approvals, answers to conflicts, and their audit. */
import { describe, expect, it } from 'vitest';
import { ledgerOfFile } from '../ledger/harness.ts';
import { startSelectionRuns } from './selection-runs.ts';

const opened = ledgerOfFile();
const start = () => startSelectionRuns(opened());

const age = (value: number) => ({ field: 'age', operator: 'gte', value });
const replaceAge = (from: number, to: number) => ({
  remove: { filterRules: [age(from)] },
  add: { filterRules: [age(to)] },
});
/** A rule replaced by another one, and a list added. */
const L2_AND_AGE = {
  remove: { filterRules: [age(18)] },
  add: { targetListIds: ['L2'], filterRules: [age(21)] },
};

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
    const run = await openRun({ change: L2_AND_AGE, onConflict: 'ask' });
    await run.plan();
    await admin.editCampaign('C', replaceAge(18, 16));
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
      const run = await openRun({ change: replaceAge(18, 21), onConflict });
      await run.plan();
      await admin.editCampaign('C', replaceAge(18, 16));
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
    const first = await openRun({ change: L2_AND_AGE });
    await first.plan();
    await admin.editCampaign('C', replaceAge(18, 16));
    expect(await first.write()).toMatchObject({ kind: 'conflict' });
    await first.close('failed');
    const again = await openRun({ change: L2_AND_AGE, onConflict: 'theirs' }, first.runId);
    expect((await again.plan()).changes).toEqual(['+ list L2: target']);
    expect(await again.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1', 'L2']);
  });
});

describe('a rollback', () => {
  const written = async () => {
    const simulated = await start();
    const { admin, openRun } = simulated;
    await admin.seedCampaign('C', { contactSelection: { targetListIds: ['L1'], filterRules: [age(18)] } });
    const run = await openRun({ change: L2_AND_AGE });
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
    await admin.editCampaign('C', replaceAge(21, 25));
    await admin.editCampaign('C', { add: { targetListIds: ['T'] } });
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
