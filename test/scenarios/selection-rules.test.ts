/** Filter rules of several teams in one campaign: which rules coexist, which replace others, and which conflict. */
import { describe, expect, it } from 'vitest';
import { type PrintedUpdate, type Stand, useStand } from './stand.ts';

const onStand = useStand();

const rules = (field: string, operator: string, values: readonly string[]) => ({
  filterRules: values.map((value) => ({ field, operator, value })),
});
const ne = (...values: string[]) => rules('state', 'ne', values);
const eq = (...values: string[]) => rules('tier', 'eq', values);
/** The changes of both sides. `says`: the failure of the run; `why`: the reason shown with the conflict. */
const CONFLICTS = [
  {
    id: 'both-replaced',
    seeded: eq('standard'),
    ours: { remove: eq('standard'), add: eq('gold') },
    theirs: { remove: eq('standard'), add: eq('silver') },
    says: 'filterRules/tier/eq was "standard", theirs is "silver", ours is "gold" (no contact has both values)',
    why: 'no contact has both values',
  },
  {
    id: 'both-added',
    seeded: {},
    ours: { add: eq('gold') },
    theirs: { add: eq('silver') },
    says: 'filterRules/tier/eq was nothing, theirs is "silver", ours is "gold" (no contact has both values)',
    why: 'no contact has both values',
  },
  {
    id: 'removed-and-replaced',
    seeded: eq('standard'),
    ours: { remove: eq('standard') },
    theirs: { remove: eq('standard'), add: eq('silver') },
    says: 'filterRules/tier/eq was "standard", theirs is "silver", ours is nothing',
    why: 'filterRules/tier/eq',
  },
  {
    id: 'both-replaced-one-of-two',
    seeded: ne('CA', 'NY'),
    ours: { remove: ne('CA'), add: ne('TX') },
    theirs: { remove: ne('CA'), add: ne('FL') },
    says: 'theirs is "NY" and "FL", ours is "NY" and "TX" (both sides replaced the same rule)',
    why: 'both sides replaced the same rule',
  },
];
const update = (campaign: string, id: string) => [
  ...['selection', 'update', campaign],
  ...[`${id}.json`, '--id', id],
];
const selectionOf = async ({ admin }: Stand, id: string) =>
  (await admin.campaign(id)).campaign?.contactSelection;

describe('filter rules of two teams', () => {
  it('can coexist: an addition replaces nothing, and a replacement names what it replaces', async () => {
    await onStand({}, async (stand) => {
      const { admin, cxflow, json, file, conserved } = stand;
      const states = async () => (await selectionOf(stand, 'C1'))?.filterRules.map(({ value }) => value);
      const run = async (id: string, change: object) => {
        file(`${id}.json`, JSON.stringify(change));
        const { document } = await json<PrintedUpdate>(update('C1', id));
        await conserved(id, { state: document.failure ? 'failed' : 'completed' });
        return document;
      };
      await admin.seedCampaign('C1', { contactSelection: ne('CA') });

      // One adds its state while another one is writing.
      await admin.editCampaign('C1', { when: 'after-get', after: 1, add: ne('FL') });
      expect((await run('NY', { add: ne('NY') })).counts).toMatchObject({ updated: 1 });
      expect(await states()).toEqual(['CA', 'FL', 'NY']);

      // Two runs at once.
      const both = await Promise.all(['TX', 'WA'].map((state) => run(state, { add: ne(state) })));
      expect(both.map(({ counts }) => counts.updated)).toEqual([1, 1]);
      expect((await states())?.sort()).toEqual(['CA', 'FL', 'NY', 'TX', 'WA']);

      file('OR.json', JSON.stringify({ remove: ne('CA'), add: ne('OR') }));
      const replaced = await cxflow(update('C1', 'OR'));
      expect(replaced).toMatchObject({ code: 0 });
      expect(replaced.stdout).toContain('~ rule state ne "CA" → "OR" (keeps "FL" and "NY"');
      expect((await states())?.sort()).toEqual(['FL', 'NY', 'OR', 'TX', 'WA']);
      expect((await run('OR-again', { remove: ne('CA'), add: ne('OR') })).counts).toMatchObject({
        existing: 1,
      });

      const unnamed = await run('unnamed', { remove: { filterRules: [{ field: 'state', operator: 'ne' }] } });
      expect(unnamed.failure).toMatchObject({ type: 'InvalidInput' });
      expect(unnamed.failure?.message).toContain('fits 5 rules of the campaign');

      // The rollback removes what the first run added, and nothing else.
      await json<PrintedUpdate>(['selection', 'rollback', 'NY', '--id', 'back']);
      await conserved('back');
      expect((await states())?.sort()).toEqual(['FL', 'OR', 'TX', 'WA']);
      const { stdout } = await cxflow(['selection', 'history', 'C1']);
      expect(stdout).toContain('+ rule state ne "NY" (keeps "CA" and "FL")');
      expect(stdout).toContain('- rule state ne "NY"');
    });
  });

  it('are a conflict and never combined if both replaced the same rule or changed the value a field must equal', async () => {
    await onStand({}, async (stand) => {
      const { admin, cxflow, json, file, conserved } = stand;
      for (const { id, seeded, ours, theirs, says, why } of CONFLICTS) {
        await admin.seedCampaign(id, { contactSelection: seeded });
        await admin.editCampaign(id, { when: 'after-get', ...theirs });
        file(`${id}.json`, JSON.stringify(ours));
        const failed = await json<PrintedUpdate>(update(id, id));
        expect(failed.document).toMatchObject({ failure: { type: 'Conflict' }, counts: { conflict: 1 } });
        expect(failed.document.failure?.message).toContain(says);
        await conserved(id, { state: 'failed' });
        const { stdout } = await cxflow(['show', id]);
        expect(stdout).toContain(why);
        expect((await admin.campaign(id)).campaign?.version).toBe(2);
      }

      file('both.json', JSON.stringify({ targetListIds: ['L1'], ...eq('standard', 'gold') }));
      const both = await cxflow(update('both-values', 'both'));
      expect(both).toMatchObject({ code: 2 });
      expect(both.stderr).toContain('selection.filterRules[1] excludes filterRules[0]');
    });
  });
});
