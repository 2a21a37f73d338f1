/** The parts of every plan add up to its total: in the plan, in what the terminal prints, and in the counts of the run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BulkDefinition } from '../src/activities/engine/definition.ts';
import { countPlan } from '../src/activities/engine/plan.ts';
import { planSelection } from '../src/activities/selection-update/desired.ts';
import { renderPlan } from '../src/cli/render/plan.ts';
import { type Counts, isConserved, OUTCOMES, outcomesOf, sumOutcomes } from '../src/domain/run.ts';
import type { ContactSelection } from '../src/domain/selection-update/selection.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import type { Run } from '../src/ledger/runs/runs.ts';
import { readPlan } from '../src/queries/run-facts.ts';

/** Of a run that is planned for the first time, or was started again after it had written some of its records. */
const COUNTS = fc
  .record({ pending: fc.nat(5_000), outcomes: fc.array(fc.nat(2_000), { maxLength: OUTCOMES.length }) })
  .map(({ pending, outcomes }): Counts => {
    const counts = Object.fromEntries(OUTCOMES.map((outcome, i) => [outcome, outcomes[i] ?? 0] as const));
    return { ...counts, pending, total: pending + sumOutcomes(counts) };
  });

/** As every operation makes it that writes records in batches: none has a plan of its own. */
function planOf(counts: Counts) {
  const ledger = {
    runs: { exactCounts: () => Promise.resolve(counts) },
    records: { countReasons: () => Promise.resolve([]) },
  } as unknown as Ledger;
  const definition = { spec: { fingerprint: () => null }, writes: {} } as unknown as BulkDefinition;
  const run = { run_no: 1, target: 'L1', input: {}, source: null } as unknown as Run;
  const batches = Math.ceil(counts.pending / 100);
  return countPlan({ ledger, ratePerMinute: 0 }, run, definition, { batches, addition: undefined });
}

/** The numbers of its lines, the total last. */
function numbersOf(text: string): readonly number[] {
  const lines = text.split('\n').slice(1);
  const numbers = lines.map((line) => /^ +[a-z ]+? +([\d,]+)(?: |$)/.exec(line)?.[1]);
  return numbers.flatMap((n) => (n === undefined ? [] : [Number(n.replaceAll(',', ''))]));
}

describe('a plan', () => {
  it('of records adds up, whatever outcomes some have already', async () => {
    await fc.assert(
      fc.asyncProperty(COUNTS, async (counts) => {
        const plan = await planOf(counts);
        expect(isConserved({ total: plan.total, pending: plan.toWrite, ...outcomesOf(plan) })).toBe(true);
        const stored = readPlan({ plan });
        if (stored === null) throw new Error('the plan cannot be read');
        const numbers = numbersOf(renderPlan(stored, 'L1', { withReasons: false }));
        const [total = 0, ...parts] = numbers.toReversed();
        expect([total, parts.reduce((sum, n) => sum + n, 0)]).toEqual([counts.total, counts.total]);
      }),
    );
  });

  it('of a selection adds up, whether it changes anything or not', () => {
    const selection = (targetListIds: string[]): ContactSelection => ({
      ...{ targetListIds, exclusionListIds: [], filterRules: [], priorityOrder: [] },
    });
    for (const targets of [['L1'], ['L1', 'L2']]) {
      const base = selection(['L1']);
      const fresh = { id: '1', campaignId: 'C1', version: 3, selection: base } as never;
      const plan = planSelection({ base, ours: selection(targets), baseSnapshot: '1' }, fresh, {
        campaignId: 'C1',
        selection: selection(targets),
      });
      expect(plan.toWrite).toBe(targets.length - 1);
      expect(isConserved({ total: plan.total, pending: plan.toWrite, ...outcomesOf(plan) })).toBe(true);
    }
  });
});
