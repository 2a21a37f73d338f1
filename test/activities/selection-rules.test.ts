/** Filter rules from the change to the PATCH: what the plan shows, what is written, and concurrent edits of others. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { BREAKS_RULES } from '../../src/contract/failures.ts';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { ledgerOfFile } from '../ledger/harness.ts';
import { applyAndLose, once, startCampaign } from './campaigns.ts';
import { startSelectionRuns } from './selection-runs.ts';

const opened = ledgerOfFile();

const ne = (...values: unknown[]) => ({
  filterRules: values.map((value) => ({ field: 'state', operator: 'ne', value })),
});
const eq = (...values: unknown[]) => ({
  filterRules: values.map((value) => ({ field: 'tier', operator: 'eq', value })),
});

describe('rules of one field and operator', () => {
  const seeded = async (contactSelection: object) => {
    const started = await startSelectionRuns(opened());
    await started.admin.seedCampaign('C', {
      contactSelection: { targetListIds: ['L1'], ...contactSelection },
    });
    const plan = async (input: Partial<SelectionUpdateInput>) =>
      (await (await started.openRun(input)).plan()).changes;
    const rules = async () => (await started.admin.campaign('C')).campaign?.contactSelection.filterRules;
    return { ...started, plan, rules };
  };

  it('can coexist: the plan shows which rules an addition keeps, and which one a replacement replaces', async () => {
    const { plan } = await seeded(ne('CA', 'NY'));
    expect(await plan({ change: { add: ne('TX', 'NY') } })).toEqual([
      '+ rule state ne "TX" (keeps "CA" and "NY")',
    ]);
    expect(await plan({ change: { add: ne('TX'), remove: ne('CA') } })).toEqual([
      '~ rule state ne "CA" → "TX" (keeps "NY")',
    ]);
    expect(await plan({ change: { remove: ne('CA') } })).toEqual(['- rule state ne "CA"']);
    expect(await plan({ selection: { targetListIds: ['L1'], ...ne('NY', 'FL') } })).toEqual([
      '~ rule state ne "CA" → "FL" (keeps "NY")',
    ]);
    expect(await plan({ change: { add: ne('CA') } })).toEqual([]);
    expect(await plan({ change: { remove: ne('ca') } })).toEqual([
      'rule state ne "ca" is not there to be removed (there: "CA" and "NY")',
    ]);
  });

  it('are written as they are named, and keep what CXone has of them', async () => {
    const [ca, ny] = ne('CA', 'NY').filterRules.map((rule, index) => ({ ...rule, id: index }));
    const { openRun, readVersion, rules } = await seeded({ filterRules: [ca, ny] });
    const selection = { targetListIds: ['L1', 'L2'], ...ne('CA', 'NY', 'TX') };
    const run = await openRun({ selection, baseVersion: await readVersion() });
    expect((await run.plan()).changes).toEqual([
      '+ rule state ne "TX" (keeps "CA" and "NY")',
      '+ list L2: target',
    ]);
    await run.write();
    expect(await rules()).toEqual([ca, ny, ...ne('TX').filterRules]);
  });

  it('and differ only in what CXone has besides are all kept by an update of something else', async () => {
    const [first, second] = ne('TX', 'TX').filterRules.map((rule, group) => ({ ...rule, group }));
    const { openRun, rules } = await seeded({ filterRules: [first, second] });
    const run = await openRun({ change: { add: { targetListIds: ['L2'] } } });
    expect((await run.plan()).changes).toEqual(['+ list L2: target']);
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await rules()).toEqual([first, second]);
  });

  it('keep the types of their values, and the order within lists', async () => {
    const { openRun, rules } = await seeded(ne(901, ['01', '1'], '18', null));
    const run = await openRun({ change: { remove: ne(901), add: ne('00901', 0, false, ['1', '01']) } });
    expect((await run.plan()).changes).toEqual([
      '~ rule state ne 901 → "00901" and 0 and false and ["1","01"] (keeps ["01","1"] and "18" and null)',
    ]);
    await run.write();
    expect(await rules()).toEqual(ne(['01', '1'], '18', null, '00901', 0, false, ['1', '01']).filterRules);
  });

  it('have to be named by value where several could be meant', async () => {
    const { openRun } = await seeded(ne('CA', 'NY'));
    const remove = { filterRules: [{ field: 'state', operator: 'ne' }] };
    await expect((await openRun({ change: { remove } })).plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      details: [BREAKS_RULES],
      message:
        'the change does not fit campaign C: change.remove.filterRules[0] fits 2 rules of the campaign ' +
        '(rule state ne "CA" and "NY"): name the value of the one to remove',
    });
  });

  it('that exclude each other are refused before anything is written, with what to do', async () => {
    const { openRun, plan, readVersion } = await seeded(eq('standard'));
    await expect((await openRun({ change: { add: eq('gold') } })).plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining(
        'To replace that rule, name it in "remove" of the same change',
      ) as string,
    });
    const selection = { targetListIds: ['L1'], ...eq('standard', 'gold') };
    await expect(
      (await openRun({ selection, baseVersion: await readVersion() })).plan(),
    ).rejects.toMatchObject({
      type: 'InvalidInput',
      details: [BREAKS_RULES],
      message: expect.stringContaining('selection.filterRules[1] excludes filterRules[0]') as string,
    });
    expect(await plan({ change: { add: eq('gold'), remove: eq('standard') } })).toEqual([
      '~ rule tier eq "standard" → "gold"',
    ]);
  });

  it('that others add during the approval need no new approval, but rules that they remove do', async () => {
    const { admin, openRun, readVersion, rules } = await seeded(ne('CA'));
    const run = await openRun({ change: { add: ne('NY', 'TX') }, approval: true });
    await run.plan();
    await admin.editCampaign('C', { add: ne('FL', 'TX') });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await rules()).toEqual(ne('CA', 'FL', 'TX', 'NY').filterRules);

    const baseVersion = await readVersion();
    await admin.editCampaign('C', { add: ne('WA') });
    const selection = { targetListIds: ['L1'], ...ne('FL', 'TX', 'NY', 'WA') };
    const again = await openRun({ selection, baseVersion, approval: true });
    expect((await again.plan()).changes).toEqual(['- rule state ne "CA"']);
    await admin.editCampaign('C', { remove: ne('WA') });
    expect(await again.write()).toEqual({ kind: 'unplanned' });
    expect((await again.plan()).changes).toEqual([
      '~ rule state ne "CA" → "WA" (keeps "FL" and "TX" and "NY")',
    ]);
  });

  it('that both sides replaced are a conflict, which is resolved with all rules of one side', async () => {
    for (const [side, expected] of [
      ['mine', ['x', 'FL']],
      ['theirs', ['x', 'NY']],
    ] as const) {
      const { admin, openRun, rules } = await seeded(ne('CA', 'x'));
      const run = await openRun({ change: { remove: ne('CA'), add: ne('FL') } });
      await run.plan();
      await admin.editCampaign('C', { remove: ne('CA'), add: ne('NY') });
      const asked = await run.write();
      const conflict = {
        place: 'filterRules/state/ne',
        ...{ base: '"CA" and "x"', theirs: '"x" and "NY"', ours: '"x" and "FL"' },
        problem: 'both sides replaced the same rule',
      };
      expect(asked).toMatchObject({ kind: 'conflict', conflicts: [conflict] });
      const [{ place, hash } = { place: '', hash: '' }] = asked.kind === 'conflict' ? asked.conflicts : [];
      expect(await run.write([{ places: [{ place, hash, side }], by: 'dana' }])).toMatchObject({
        kind: 'done',
      });
      expect((await rules())?.map(({ value }) => value)).toEqual(expected);
    }
  });

  it('of one field that both sides replaced by another operator are one conflict of the field', async () => {
    const age = (operator: string, value: number) => ({ filterRules: [{ field: 'age', operator, value }] });
    for (const [side, expected] of [
      ['mine', age('gte', 25)],
      ['theirs', age('gt', 21)],
    ] as const) {
      const { admin, openRun, rules } = await seeded(age('gte', 18));
      const run = await openRun({ change: { remove: age('gte', 18), add: age('gte', 25) } });
      await run.plan();
      await admin.editCampaign('C', { remove: age('gte', 18), add: age('gt', 21) });
      const asked = await run.write();
      const conflict = {
        place: 'filterRules/age',
        ...{ base: 'gte 18', theirs: 'gt 21', ours: 'gte 25' },
        problem: 'both sides replaced the same rule',
      };
      expect(asked).toMatchObject({ kind: 'conflict', conflicts: [conflict] });
      const [{ place, hash } = { place: '', hash: '' }] = asked.kind === 'conflict' ? asked.conflicts : [];
      expect(await run.write([{ places: [{ place, hash, side }], by: 'dana' }])).toMatchObject({
        kind: 'done',
      });
      expect(await rules()).toEqual(expected.filterRules);
    }
  });

  it('that no contact satisfies together are a conflict if each side adds one', async () => {
    const states = (...value: string[]) => ({ filterRules: [{ field: 'state', operator: 'in', value }] });
    const { admin, openRun, rules } = await seeded({});
    const run = await openRun({ change: { add: states('TX') } });
    await run.plan();
    await admin.editCampaign('C', { add: states('NY', 'CA') });
    expect(await run.write()).toMatchObject({
      kind: 'conflict',
      conflicts: [{ place: 'filterRules/state/in', problem: 'no contact has both values' }],
    });
    expect(await rules()).toEqual(states('NY', 'CA').filterRules);
  });

  it('of a run that was planned when an added rule replaced the others are written as planned', async () => {
    const { openRun, rules } = await seeded(eq('standard'));
    const run = await openRun({ change: { remove: eq('standard'), add: eq('gold') } });
    await run.plan();
    // Such a run has stored the replacement, but its input does not name the rule to remove.
    await replaceChange(run.runId, { add: eq('gold') });
    expect(await run.write()).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await rules()).toEqual(eq('gold').filterRules);
  });

  it('of such a run cannot be planned again, and the failure says what to do', async () => {
    const { openRun } = await seeded(ne('CA'));
    const run = await openRun({ change: { remove: ne('CA'), add: ne('NY') } });
    await run.plan();
    await replaceChange(run.runId, { add: ne('NY') });
    await expect(run.plan()).rejects.toMatchObject({
      type: 'InvalidInput',
      details: [],
      message: expect.stringMatching(/an earlier version of cxflow .* choose another run id$/) as string,
    });
  });
});

describe('a write of rules with a lost answer', () => {
  const REPLACE = { change: { remove: ne('CA'), add: ne('NY') } };

  it('is in place although others have added a rule of the same field and operator since', async () => {
    const { edit, hooks, openAndPlan, write, outcome, countPatches, readCampaign } = await startCampaign(
      opened(),
      ne('CA'),
    );
    const run = await openAndPlan(REPLACE);
    await edit({ when: 'after-patch', add: ne('TX') });
    hooks.patch = once(applyAndLose);
    expect(await write(run)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect([await outcome(run), countPatches()]).toEqual(['updated own_write_or_existing', 1]);
    expect((await readCampaign())?.contactSelection).toMatchObject(ne('NY', 'TX'));
  });

  it('is one conflict if a part of a replacement may have been reverted', async () => {
    const { edit, hooks, openAndPlan, write, countPatches } = await startCampaign(opened(), ne('CA'));
    const run = await openAndPlan(REPLACE);
    await edit({ when: 'after-patch', add: ne('CA', 'TX') });
    hooks.patch = once(applyAndLose);
    expect(await write(run)).toMatchObject({
      kind: 'conflict',
      conflicts: [
        {
          place: 'filterRules/state/ne',
          ...{ base: '"CA"', theirs: '"NY" and "CA" and "TX"', ours: '"NY" and "TX"' },
          problem: expect.stringContaining('the answer to our write over version 1 was lost') as string,
        },
      ],
    });
    expect(countPatches()).toBe(1);
  });
});

/** Replaces the change in the stored input of a run. */
async function replaceChange(runId: string, change: object): Promise<void> {
  const { db } = opened().database;
  const json = JSON.stringify(change);
  await sql`update runs set input = jsonb_set(input::jsonb, '{change}', ${json}::jsonb) where run_id = ${runId}`.execute(
    db,
  );
}
