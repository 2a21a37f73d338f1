/** Valid selections for property tests, with few names, so that they often have places in common. */
import fc from 'fast-check';
import type { ContactSelection, FilterRule } from '../../src/domain/selection-update/selection.ts';

const LISTS = ['L1', 'L2', 'L3', 'L/4'];
const KEYS = ['age gte', 'age lt', 'state eq', 'a/b in'].map((text) => text.split(' ') as [string, string]);

const rules: fc.Arbitrary<readonly FilterRule[]> = fc.uniqueArray(fc.nat(KEYS.length - 1)).chain((picked) =>
  fc.tuple(
    ...picked.map((index) =>
      fc.constantFrom<unknown>(0, 1, null, false, 'x', [1, 2]).map((value): FilterRule => {
        const [field, operator] = KEYS[index] ?? ['', ''];
        return { field, operator, value };
      }),
    ),
  ),
);

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
