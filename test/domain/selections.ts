/** Valid selections for property tests, with few names, so that they often have places in common. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type Merged, mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import { listPlace, type Place, replacePlaces, rulePlace } from '../../src/domain/selection-update/places.ts';
import type { FilterRule } from '../../src/domain/selection-update/rules.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';

const LISTS = ['L1', 'L2', 'L3', 'L/4'];
/** The places of rules, several of a field. */
const KEYS = ['age gte', 'age gt', 'state ne', 'a/b in', 'state eq', 'state IN', 'tier eq', 'tier EQ'].map(
  (text) => text.split(' ') as [string, string],
);
const VALUES: readonly unknown[] = [1, '1', null, [1, 2], [2, 1], [3]];

/** Do they let the field have no common value? Stated once more: `eq` has one, `in` those of its list. */
export function exclude(a: FilterRule, b: FilterRule): boolean {
  const [these, those] = [a, b].map(({ operator, value }) => {
    if (/^eq$/i.test(operator)) return [value];
    return /^in$/i.test(operator) && Array.isArray(value) && value.length > 0 ? (value as unknown[]) : null;
  });
  if (!these || !those || a.field !== b.field) return false;
  return !these.some((one) => those.some((other) => JSON.stringify(one) === JSON.stringify(other)));
}

const withoutExclusive = (rules: readonly FilterRule[]): readonly FilterRule[] =>
  rules.reduce<readonly FilterRule[]>(
    (kept, rule) => (kept.some((other) => exclude(rule, other)) ? kept : [...kept, rule]),
    [],
  );

const rules: fc.Arbitrary<readonly FilterRule[]> = fc
  .tuple(
    ...KEYS.map(([field, operator]) =>
      fc
        .subarray([...VALUES], { maxLength: 3 })
        .map((values) => values.map((value): FilterRule => ({ field, operator, value }))),
    ),
  )
  .chain((byKey) => fc.shuffledSubarray(byKey.flat(), { minLength: byKey.flat().length }))
  .map(withoutExclusive);

/** Each list is a target, an exclusion or neither. `L0` is always a target, because one is required. */
export const selection: fc.Arbitrary<ContactSelection> = fc
  .tuple(
    fc.tuple(...LISTS.map(() => fc.constantFrom('target', 'exclusion', null))),
    rules,
    fc.uniqueArray(fc.constantFrom('p', 'q', 'r', 's', 't'), { maxLength: 5 }),
  )
  .map(([roles, filterRules, priorityOrder]) => ({
    targetListIds: ['L0', ...LISTS.filter((_, i) => roles[i] === 'target')],
    exclusionListIds: LISTS.filter((_, i) => roles[i] === 'exclusion'),
    filterRules,
    priorityOrder,
  }));

const PLACES: readonly Place[] = [
  ...LISTS.map(listPlace),
  ...KEYS.map(([field, operator]) => rulePlace({ field, operator })),
  'priorityOrder',
];

/** Changed at a few places. */
const edited = (base: ContactSelection): fc.Arbitrary<ContactSelection> =>
  fc
    .tuple(selection, fc.subarray([...PLACES], { maxLength: 3 }))
    .map(([other, places]) => replacePlaces(base, other, places))
    .map((changed) => ({ ...changed, filterRules: withoutExclusive(changed.filterRules) }));

/** Base, theirs and ours. Three that have nothing to do with each other are nearly always in conflict, so most are edited. */
export const sides: fc.Arbitrary<[ContactSelection, ContactSelection, ContactSelection]> = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(selection, selection, selection) },
  {
    weight: 3,
    arbitrary: selection.chain((base) => fc.tuple(fc.constant(base), edited(base), edited(base))),
  },
);

/** The smallest valid selection, with changes. */
export const createSelection = (more: Partial<ContactSelection> = {}): ContactSelection => ({
  targetListIds: ['L1'],
  exclusionListIds: [],
  filterRules: [],
  priorityOrder: [],
  ...more,
});

export const rule = (field: string, operator: string, value: unknown): FilterRule => ({
  field,
  operator,
  value,
});

/** Merges, and answers every conflict alike; null leaves it open. */
export const merge = (
  base: ContactSelection,
  theirs: ContactSelection,
  ours: ContactSelection,
  side: Side | null = null,
): Merged => mergeSelections({ base, theirs, ours }, () => side);

export function expectMerged(merged: Merged): ContactSelection {
  return merged.kind === 'merged' ? merged.selection : expect.fail(JSON.stringify(merged));
}
