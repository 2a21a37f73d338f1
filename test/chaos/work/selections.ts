/**
 * Several updates of one campaign under chaos. Each adds a list and a rule, and none may remove what another update or an
 * editor added.
 */
import { expect } from 'vitest';
import type { SimSelection } from '../../../src/simulator/outbound.state.ts';
import type { Stand } from '../../faults/stand.ts';
import type { SelectionPlan } from '../plan.ts';
import type { Ended, Work } from './work.ts';

export const CAMPAIGN = 'chaos';
/** The list that the n-th update adds; n starts at 1. */
export const listOf = (n: number): string => `N${n}`;
/** All rules have the same field and operator. */
const ruleOf = (value: string) => ({ field: 'state', operator: 'ne', value });

export async function startSelectionUpdates(
  stand: Stand,
  plan: SelectionPlan,
  approval: boolean,
): Promise<Work> {
  const { updates, onConflict, editors } = plan;
  await stand.admin.seedCampaign(CAMPAIGN);
  for (const editor of editors) await stand.admin.editCampaign(CAMPAIGN, editor);
  const runIds: string[] = [];
  for (let n = 1; n <= updates; n += 1) {
    const change = { add: { targetListIds: [listOf(n)], filterRules: [ruleOf(listOf(n))] } };
    const input = { campaignId: CAMPAIGN, change, onConflict, approval };
    runIds.push((await stand.client().startSelectionUpdate(input)).runId);
  }
  const writes = async () =>
    (await stand.admin.campaignJournal(CAMPAIGN)).filter(({ action }) => action === 'update').length;
  return {
    runIds,
    progress: async () => (await writes()) / updates,
    startAgain: null,
    check: async (ended) => {
      for (const each of ended) expectPlausibleEnd(plan, each);
      await expectNothingUndone(stand, ended);
    },
  };
}

function expectPlausibleEnd({ onConflict }: SelectionPlan, { runId, state, failure }: Ended): void {
  if (state !== 'failed') return;
  expect(onConflict, `${runId} may only fail in a conflict that is not left to an operator`).not.toBe('ask');
  expect(failure, runId).toMatchObject({ type: 'Conflict' });
}

/**
 * Every list and rule that was added is still there, and no rule twice. The first update is excluded, because a conflicting
 * edit may remove its list.
 */
async function expectNothingUndone(stand: Stand, ended: readonly Ended[]): Promise<void> {
  const { campaign } = await stand.admin.campaign(CAMPAIGN);
  const { targetListIds = [], filterRules = [] } = campaign?.contactSelection ?? {};
  const written = ended.flatMap(({ counts }, n) => (n > 0 && counts.updated === 1 ? [listOf(n + 1)] : []));
  const edits = (await stand.admin.campaignJournal(CAMPAIGN)).filter(({ action }) => action === 'edit');
  const added = (of: (selection: SimSelection) => readonly string[]) =>
    edits.flatMap(({ document }) => of(document.contactSelection).filter((name) => name.startsWith('E')));
  const missing = (there: readonly string[], byEditors: readonly string[]) =>
    [...new Set([...written, ...byEditors])].filter((name) => !there.includes(name));
  const values = (rules: SimSelection['filterRules']) => rules.map(({ value }) => String(value));
  expect(
    missing(
      targetListIds,
      added((each) => each.targetListIds),
    ),
    'lists that were lost',
  ).toEqual([]);
  const rules = values(filterRules);
  expect(
    missing(
      rules,
      added((each) => values(each.filterRules)),
    ),
    'rules that were lost',
  ).toEqual([]);
  expect(new Set(rules).size, 'different rules').toBe(rules.length);
}
