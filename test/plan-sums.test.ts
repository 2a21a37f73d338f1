/** The parts of every plan add up to its total: in the plan, in what the terminal prints, and in the counts of the run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectOutcomes } from '../src/activities/email-send/expected.ts';
import type { BulkDefinition } from '../src/activities/engine/definition.ts';
import { countPlan } from '../src/activities/engine/plan.ts';
import { planSelection } from '../src/activities/selection-update/desired.ts';
import { renderPlan } from '../src/cli/render/plan.ts';
import { describeExpected } from '../src/domain/email-send/expected.ts';
import { type Counts, isConserved, OUTCOMES, outcomesOf, sumOutcomes } from '../src/domain/run.ts';
import type { ContactSelection } from '../src/domain/selection-update/selection.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import type { Run } from '../src/ledger/runs/runs.ts';
import { readPlan } from '../src/queries/run-facts.ts';
import { describeRun, type RunDetails } from '../src/workflows/engine/details.ts';
import { runActivity } from './activities/harness.ts';
import { each } from './harness/fake-run.ts';

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

const REASON = fc.option(fc.constantFrom('hard_bounce', 'complaint', 'erased', 'gdpr_needs_consent_date'), {
  nil: undefined,
});
/** With the reasons for which our own list has the person, and the address. */
const RECIPIENT = fc.record({ hasId: fc.boolean(), person: REASON, address: REASON });
type Recipient = typeof RECIPIENT extends fc.Arbitrary<infer R> ? R : never;

function expectationOf(given: readonly Recipient[], channelConsent: 'require' | 'ignore') {
  const people = given.map(({ hasId, person, address }, i) => {
    const contactId = hasId ? `00000000-0000-4000-8000-${String(i).padStart(12, '0')}` : `crm-${i}`;
    return { contactId, mailbox: `p${i}@example.com`, hasId, person, address };
  });
  const records = people.map(({ contactId, mailbox }, i) => ({
    seq: i + 1,
    record: { contactId, toAddress: mailbox },
  }));
  const ledger = {
    records: { listPending: () => each(records) },
    suppressions: {
      isEmpty: () => Promise.resolve(people.every(({ person, address }) => !person && !address)),
      find: () =>
        Promise.resolve(
          people.flatMap(({ contactId, person: reason }) => (reason ? [{ contactId, reason }] : [])),
        ),
      findAddresses: () =>
        Promise.resolve(
          people.flatMap(({ mailbox, address: reason }) =>
            reason ? [{ mailbox, reason, code: null, since: new Date() }] : [],
          ),
        ),
    },
  } as unknown as Ledger;
  const run = { run_no: 1, input: { channelConsent } } as unknown as Run;
  const counted = { pending: people.length, withGuid: people.filter(({ hasId }) => hasId).length };
  const draining = new AbortController().signal;
  return runActivity(() => expectOutcomes({ ledger, draining }, run, counted));
}

const sumIn = (text: string): number => [...text.matchAll(/\d+/g)].reduce((sum, [n]) => sum + Number(n), 0);

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

  it('of an email send adds up, whoever is on our own list or has no contact id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(RECIPIENT, { maxLength: 40 }),
        fc.boolean(),
        async (recipients, isRequired) => {
          const expected = await expectationOf(recipients, isRequired ? 'require' : 'ignore');
          const text = describeExpected(expected);
          const [kinds = ''] = /\(.*\)/.exec(text) ?? [];
          const suppressed = recipients.filter(({ person, address }) => person ?? address).length;
          const { sent, ineligible } = expected;
          expect(sent + suppressed + ineligible).toBe(recipients.length);
          expect(Math.min(sent, ineligible)).toBeGreaterThanOrEqual(0);
          expect(sumIn(kinds)).toBe(suppressed);
          expect(sumIn(text.replace(kinds, ''))).toBe(recipients.length);
        },
      ),
    );
  });

  it('shows in Temporal what is expected, before what has to be known', () => {
    const plan = { hash: 'p1', toWrite: 5, total: 5, batches: 1, forecast: ['expected: at most 4 sent'] };
    const progress = { phase: 'writing', since: 'now', counts: { total: 5, pending: 5 }, refused: [] };
    const details = { title: 'Email send', inDoubt: [], decisions: {} };
    const text = describeRun({
      ...details,
      plan: { ...plan, notes: ['a note'] },
      progress,
    } as unknown as RunDetails);
    expect(text).toContain('- expected: at most 4 sent\n- a note');
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
