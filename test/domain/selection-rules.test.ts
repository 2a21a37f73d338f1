/** The merge of filter rules, rule by rule, and what is never combined. */
import { describe, expect, it } from 'vitest';
import { diffSelections } from '../../src/domain/selection-update/diff.ts';
import { type Merged, mergeSelections, type Side } from '../../src/domain/selection-update/merge.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';
import { createSelection, rule } from './selections.ts';

const merge = (
  base: ContactSelection,
  theirs: ContactSelection,
  ours: ContactSelection,
  side: Side | null = null,
): Merged => mergeSelections({ base, theirs, ours }, () => side);

function expectMerged(merged: Merged): ContactSelection {
  return merged.kind === 'merged' ? merged.selection : expect.fail(JSON.stringify(merged));
}

describe('rules of one field and operator', () => {
  const of = (operator: string, ...values: unknown[]) =>
    createSelection({ filterRules: values.map((value) => rule('f', operator, value)) });
  const values = (merged: Merged) =>
    merged.kind === 'merged'
      ? merged.selection.filterRules.map(({ value }) => value)
      : merged.kind === 'conflict'
        ? merged.open.map(({ place, problem }) => [place, problem])
        : merged.kind;
  const merged = (operator: string, [base, theirs, ours]: readonly [unknown[], unknown[], unknown[]]) =>
    values(merge(of(operator, ...base), of(operator, ...theirs), of(operator, ...ours)));

  it.each<[string, [unknown[], unknown[], unknown[]], unknown[]]>([
    ['both add another', [[], ['NY'], ['CA']], ['NY', 'CA']],
    ['both add the same', [[], ['NY'], ['NY']], ['NY']],
    ['one adds, the other removes', [['CA'], ['CA', 'NY'], []], ['NY']],
    ['one replaces, the other adds', [['CA'], ['NY'], ['CA', 'TX']], ['NY', 'TX']],
    ['one replaces what the other removes', [['CA'], ['NY'], []], ['NY']],
    [
      'both replace another rule',
      [
        ['CA', 'NY'],
        ['FL', 'NY'],
        ['CA', 'TX'],
      ],
      ['FL', 'TX'],
    ],
    ['both replace the same rule alike', [['CA'], ['NY'], ['NY']], ['NY']],
    ['one replaces alike and adds', [['CA'], ['NY'], ['NY', 'TX']], ['NY', 'TX']],
    ['one changes the type of a value', [['1'], [1], ['1', '2']], [1, '2']],
  ])('are merged rule by rule: %s', (_, sides, expected) => {
    expect(merged('ne', sides)).toEqual(expected);
  });

  it('are a conflict if both sides replaced the same rule differently', () => {
    const conflict = [['filterRules/f/ne', 'both sides replaced the same rule']];
    expect(merged('ne', [['CA'], ['NY'], ['TX']])).toEqual(conflict);
    expect(merged('ne', [['CA', 'x'], ['NY', 'x'], ['TX']])).toEqual(conflict);
  });

  it.each<[string, [unknown[], unknown[], unknown[]], string | undefined]>([
    ['replace it differently', [['standard'], ['gold'], ['silver']], 'no contact has both values'],
    ['add different ones', [[], ['gold'], ['silver']], 'no contact has both values'],
    ['remove and replace it', [['standard'], ['gold'], []], undefined],
  ])('are a conflict if a field is to equal a value and both sides %s', (_, sides, problem) => {
    expect(merged('eq', sides)).toEqual([['filterRules/f/eq', problem]]);
  });

  it('may equal several values if they do in the base already', () => {
    expect(merged('eq', [['a', 'b'], ['a', 'b', 'c'], ['b']])).toEqual(['b', 'c']);
  });

  it('are resolved together: the chosen side has all rules of the field and operator', () => {
    const sides = [of('ne', 'CA', 'x'), of('ne', 'NY', 'x', 'y'), of('ne', 'TX')] as const;
    expect(values(merge(...sides, 'mine'))).toEqual(['TX']);
    expect(values(merge(...sides, 'theirs'))).toEqual(['NY', 'x', 'y']);
  });

  it('are in the order that CXone has, followed by new ones; in ours if nobody else changed anything', () => {
    const mixed = (...rules: [string, unknown][]) =>
      createSelection({ filterRules: rules.map(([field, value]) => rule(field, 'ne', value)) });
    const base = mixed(['a', 1], ['b', 1], ['a', 2]);
    const theirs = mixed(['a', 2], ['b', 1], ['a', 3], ['a', 1]);
    const ours = mixed(['b', 2], ['a', 4], ['a', 2], ['a', 1], ['b', 1]);
    const order = (of: Merged) =>
      expectMerged(of)
        .filterRules.map(({ field, value }) => `${field}${String(value)}`)
        .join(' ');
    expect(order(merge(base, theirs, ours))).toBe('a2 b1 a3 a1 b2 a4');
    expect(order(merge(base, base, ours))).toBe('b2 a4 a2 a1 b1');
  });
});

describe('additional data in CXone', () => {
  it('is kept: the order of rules, and additional fields of a rule', () => {
    const theirs = createSelection({
      filterRules: [
        rule('state', 'ne', 'TX'),
        rule('state', 'ne', 'CA'),
        { ...rule('age', 'gte', 18), id: 7 } as never,
      ],
    });
    const ours = createSelection({ ...theirs, targetListIds: ['L1', 'L2'], filterRules: theirs.filterRules });
    expect(expectMerged(merge(theirs, theirs, ours)).filterRules).toEqual(theirs.filterRules);
    const fromFile = createSelection({
      filterRules: [rule('state', 'ne', 'CA'), rule('state', 'ne', 'TX'), rule('age', 'gte', 18)],
    });
    expect(expectMerged(merge(theirs, theirs, fromFile)).filterRules).toContainEqual({
      ...rule('age', 'gte', 18),
      id: 7,
    });
  });

  it('a rule that CXone has twice is kept once', () => {
    const theirs = createSelection({
      filterRules: [
        { ...rule('state', 'ne', 'TX'), id: 1 },
        { ...rule('state', 'ne', 'TX'), id: 2 },
      ] as never,
    });
    const ours = createSelection({ targetListIds: ['L2'], filterRules: [rule('state', 'ne', 'TX')] });
    expect(expectMerged(merge(theirs, theirs, ours)).filterRules).toEqual([theirs.filterRules[0]]);
    expect(diffSelections(theirs, ours).map(({ place }) => place)).toEqual(['lists/L1', 'lists/L2']);
  });
});
