/** The merge of filter rules, rule by rule, and what is never combined. */
import { describe, expect, it } from 'vitest';
import { applyChange, fitProblems } from '../../src/domain/selection-update/change.ts';
import { describePlace, describeValue, diffSelections } from '../../src/domain/selection-update/diff.ts';
import type { Merged } from '../../src/domain/selection-update/merge.ts';
import {
  type ContactSelection,
  describeProblem,
  selectionProblems,
} from '../../src/domain/selection-update/selection.ts';
import { createSelection, expectMerged, merge, rule } from './selections.ts';

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

  it('of rules that differ only in further fields each is kept, unless the rule is removed', () => {
    const [first, other, second] = [
      { ...rule('state', 'ne', 'TX'), group: 1 },
      rule('age', 'gte', 18),
      { ...rule('state', 'ne', 'TX'), group: 2 },
    ];
    const theirs = createSelection({ filterRules: [first, other, second] });
    const change = { add: { targetListIds: ['L2'], filterRules: [rule('state', 'ne', 'TX')] } };
    const changed = applyChange(theirs, change);
    expect(expectMerged(merge(theirs, theirs, changed)).filterRules).toEqual(theirs.filterRules);
    expect(diffSelections(theirs, changed).map(({ place }) => place)).toEqual(['lists/L2']);

    const ne = rule('state', 'ne', 'CA');
    const fromFile = createSelection({ filterRules: [ne, rule('state', 'ne', 'TX'), other] });
    expect(expectMerged(merge(theirs, theirs, fromFile)).filterRules).toEqual([ne, first, second, other]);
    const edited = createSelection({ filterRules: [second, first] });
    expect(expectMerged(merge(theirs, edited, fromFile)).filterRules).toEqual([second, first, ne]);

    const without = applyChange(theirs, { remove: { filterRules: [rule('state', 'ne', 'TX')] } });
    expect(expectMerged(merge(theirs, theirs, without)).filterRules).toEqual([other]);
  });

  it('a rule that CXone has twice without any difference is kept once', () => {
    const [tx, once] = [{ ...rule('state', 'ne', 'TX'), id: 1 }, rule('state', 'ne', 'TX')];
    const theirs = createSelection({ filterRules: [tx, { ...tx }] });
    const ours = createSelection({ targetListIds: ['L2'], filterRules: [once] });
    expect(expectMerged(merge(theirs, theirs, ours)).filterRules).toEqual([tx]);
  });

  it('is kept where a conflict about all rules is resolved for the desired ones', () => {
    const many = (prefix: string) => Array.from({ length: 26 }, (_, i) => rule(`${prefix}${i}`, 'eq', i));
    const base = createSelection({ filterRules: [rule('age', 'gte', 18)] });
    const known = { ...rule('age', 'gte', 18), id: 7 };
    const theirs = createSelection({ filterRules: [known, ...many('t')] });
    const ours = createSelection({ filterRules: [...base.filterRules, ...many('o')] });
    expect(expectMerged(merge(base, theirs, ours, 'mine')).filterRules).toEqual([known, ...many('o')]);
  });
});

describe('rules of one field', () => {
  const of = (...rules: [operator: string, value: unknown][]) =>
    createSelection({ filterRules: rules.map(([operator, value]) => rule('f', operator, value)) });
  const conflicts = (...sides: [ContactSelection, ContactSelection, ContactSelection]) => {
    const merged = merge(...sides);
    return merged.kind === 'conflict'
      ? merged.open.map(({ place, problem }) => [place, problem])
      : merged.kind;
  };

  it.each<[string, ContactSelection, ContactSelection, ContactSelection]>([
    ['each by another operator', of(['gte', 18]), of(['gt', 21]), of(['gte', 25])],
    ['both by another operator', of(['eq', 'a']), of(['in', ['a', 'b']]), of(['ne', 'c'])],
    ['one of several', of(['gte', 18], ['lt', 65]), of(['gt', 21], ['lt', 65]), of(['gte', 25])],
    ['one side by two', of(['gte', 18]), of(['gte', 21], ['lt', 65]), of(['gte', 25])],
  ])('that both sides replaced differently are a conflict, whatever the operators: %s', (_, ...sides) => {
    expect(conflicts(...sides)).toEqual([['filterRules/f', 'both sides replaced the same rule']]);
  });

  it('are resolved together then: the chosen side has all rules of the field', () => {
    const other = { targetListIds: ['L1', 'L2'] };
    const base = of(['gte', 18], ['lt', 65], ['ne', 30]);
    const theirs = of(['gt', 21], ['lt', 65], ['ne', 30]);
    const ours = { ...of(['gte', 25], ['lt', 65]), ...other };
    expect(expectMerged(merge(base, theirs, ours, 'mine'))).toEqual({
      ...of(['lt', 65], ['gte', 25]),
      ...other,
    });
    expect(expectMerged(merge(base, theirs, ours, 'theirs'))).toEqual({ ...theirs, ...other });
  });

  it.each<[string, ContactSelection, ContactSelection, string]>([
    ['two lists', of(['in', ['NY']]), of(['in', ['TX', 'CA']]), 'filterRules/f/in'],
    ['upper case', of(['EQ', 'NY']), of(['EQ', 'TX']), 'filterRules/f/EQ'],
    ['either case', of(['EQ', 'NY']), of(['eq', 'TX']), 'filterRules/f'],
    ['a value and a list', of(['eq', 'NY']), of(['In', ['TX', 'CA']]), 'filterRules/f'],
    ['next to others', of(['eq', 'NY'], ['ne', 'CA']), of(['eq', 'TX']), 'filterRules/f/eq'],
  ])('that both sides added and that no contact satisfies are a conflict: %s', (_, theirs, ours, place) => {
    expect(conflicts(of(), theirs, ours)).toEqual([[place, 'no contact has both values']]);
  });

  it.each<[string, ContactSelection, ContactSelection]>([
    ['lists with a common value', of(['in', ['NY', 'CA']]), of(['IN', ['CA']])],
    ['the same value by another operator', of(['eq', 'NY']), of(['EQ', 'NY'], ['in', ['NY', 'CA']])],
    ['an empty list, or none', of(['in', []], ['in', 'NY']), of(['in', ['TX']])],
    ['a range', of(['gte', 18]), of(['lt', 65])],
  ])('that a contact may satisfy are merged: %s', (_, theirs, ours) => {
    const expected = [...theirs.filterRules, ...ours.filterRules];
    expect(expectMerged(merge(of(), theirs, ours)).filterRules).toEqual(expected);
  });

  it('may exclude each other if they do in the base already', () => {
    const base = of(['in', ['a']], ['eq', 'b']);
    const [theirs, ours] = [of(['in', ['a']], ['eq', 'b'], ['eq', 'c']), of(['eq', 'b'], ['in', ['d']])];
    expect(expectMerged(merge(base, theirs, ours)).filterRules).toEqual(
      of(['eq', 'b'], ['eq', 'c'], ['in', ['d']]).filterRules,
    );
  });

  it('are described with their operators in a conflict about several', () => {
    const merged = merge(of(['gte', 18]), of(['gt', 21], ['lt', 65]), of(['gte', 25]));
    const [conflict] = merged.kind === 'conflict' ? merged.open : [];
    expect(conflict && describePlace(conflict.place)).toBe('rules of f');
    expect(conflict && describeValue(conflict.theirs, conflict.place)).toBe('gt 21 and lt 65');
  });
});

describe('rules that no contact satisfies together', () => {
  it('are refused in one selection, however their operators are written', () => {
    const filterRules = [
      ...[rule('state', 'in', ['NY', 'CA']), rule('state', 'IN', ['CA', 'TX']), rule('state', 'In', ['FL'])],
      ...[rule('tier', 'EQ', 'gold'), rule('tier', 'in', ['gold']), rule('tier', 'eq', 'silver')],
    ];
    expect(selectionProblems(createSelection({ filterRules })).map(describeProblem)).toEqual([
      'selection.filterRules[2] excludes filterRules[0]: no contact has two values of "state", so the campaign would dial nobody',
      'selection.filterRules[5] excludes filterRules[3]: no contact has two values of "tier", so the campaign would dial nobody',
    ]);
  });

  it('are refused in a change of a campaign, which names all rules that are excluded', () => {
    const filterRules = [rule('tier', 'eq', 'gold'), rule('tier', 'in', ['gold', 'silver'])];
    const misfits = (...values: string[]) => {
      const add = { filterRules: [rule('tier', 'IN', values)] };
      return fitProblems(createSelection({ filterRules }), { add }).map(({ message }) => message);
    };
    expect(misfits('standard')).toEqual([
      expect.stringContaining(
        'excludes rule tier eq "gold" and rule tier in ["gold","silver"] of the campaign: ',
      ),
    ]);
    expect(misfits('gold', 'standard')).toEqual([]);
  });
});
