/** Valid selections for property tests, with few names, so that they often have places in common. */
import fc from 'fast-check';
import { listPlace, type Place, replacePlaces, rulePlace } from '../../src/domain/selection-update/places.ts';
import type { FilterRule } from '../../src/domain/selection-update/rules.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';

const LISTS = ['L1', 'L2', 'L3', 'L/4'];
/** The places of rules; of `eq` a field has one rule at most. */
const KEYS = ['age gte', 'state ne', 'a/b in', 'state eq', 'tier eq'].map(
  (text) => text.split(' ') as [string, string],
);
const VALUES: readonly unknown[] = [1, '1', null, [1, 2], [2, 1]];

const rules: fc.Arbitrary<readonly FilterRule[]> = fc
  .tuple(
    ...KEYS.map(([field, operator]) =>
      fc
        .subarray([...VALUES], { maxLength: operator === 'eq' ? 1 : 3 })
        .map((values) => values.map((value): FilterRule => ({ field, operator, value }))),
    ),
  )
  .chain((byKey) => fc.shuffledSubarray(byKey.flat(), { minLength: byKey.flat().length }));

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
    .map(([other, places]) => replacePlaces(base, other, places));

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
