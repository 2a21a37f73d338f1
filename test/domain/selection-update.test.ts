import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyChange,
  changeProblems,
  describeMissingRules,
  fitProblems,
  type SelectionChange,
} from '../../src/domain/selection-update/change.ts';
import { mergeSelections } from '../../src/domain/selection-update/merge.ts';
import { sameSelection } from '../../src/domain/selection-update/places.ts';
import {
  describeProblem,
  exclusionProblems,
  readSelection,
  selectionProblems,
  toEditable,
} from '../../src/domain/selection-update/selection.ts';
import { createSelection, rule, selection } from './selections.ts';

const listProblems = (value: unknown) => selectionProblems(value).map(describeProblem);

describe('the rules of a selection', () => {
  it('accept what the selection tutorial requires, and false, 0 and null as values', () => {
    const values = [false, 0, null, '', [], 'TX'];
    const filterRules = values.map((value, i) => rule(`field${i}`, 'eq', value));
    expect(listProblems(createSelection({ filterRules }))).toEqual([]);
    expect(listProblems({ targetListIds: ['L1'] })).toEqual([]);
  });

  it('report every problem at once, each with its path', () => {
    const wrong = {
      exclusionListIds: ['L1', '', 7],
      filterRules: [
        { field: 'age', operator: 'gte' },
        { value: 1 },
        'age > 3',
        { ...rule('a', 'b', 1), id: 4 },
      ],
      priorityOrder: ['1', '2', '3', '4', '5', '6'],
      targetLists: [],
    };
    expect(listProblems(wrong)).toEqual([
      'selection.exclusionListIds[1] must be a non-empty text',
      'selection.exclusionListIds[2] must be a non-empty text',
      'selection.filterRules[0].value is missing (false, 0 and null are values)',
      'selection.filterRules[1].field is missing',
      'selection.filterRules[1].operator is missing',
      'selection.filterRules[2] must be {"field", "operator", "value"}',
      'selection.filterRules[3].id is unknown; a rule has field, operator and value',
      'selection.targetLists is unknown; a selection has targetListIds, exclusionListIds, filterRules, priorityOrder',
      'selection.targetListIds must have at least one list',
      'selection.priorityOrder has 6 priorities; CXone accepts at most 5',
    ]);
  });

  it('report other problems of a list despite an entry with the wrong shape, with correct positions', () => {
    const wrong = {
      targetListIds: ['L1', '', 'L2', 'L1'],
      exclusionListIds: [7, 'L2'],
      filterRules: [rule('age', 'gte', 18), {}, rule('age', 'gte', 18)],
      priorityOrder: ['1', '2', '3', '4', '5', 6],
    };
    expect(listProblems(wrong)).toEqual([
      'selection.targetListIds[1] must be a non-empty text',
      'selection.exclusionListIds[0] must be a non-empty text',
      'selection.filterRules[1].field is missing',
      'selection.filterRules[1].operator is missing',
      'selection.filterRules[1].value is missing (false, 0 and null are values)',
      'selection.priorityOrder[5] must be a non-empty text',
      'selection.priorityOrder has 6 priorities; CXone accepts at most 5',
      'selection.exclusionListIds[1] is "L2", as is targetListIds[2]: a list that is both targeted and excluded dials nobody',
      'selection.targetListIds[3] is the same as targetListIds[0]',
      'selection.filterRules[2] is the same as filterRules[0]',
    ]);
    expect(listProblems({ targetListIds: 'L1' })).toEqual(['selection.targetListIds must be a list']);
  });

  it('allow 50 rules, but not 51', () => {
    const rules = (n: number) => Array.from({ length: n }, (_, i) => rule(`f${i}`, 'eq', i));
    expect(listProblems(createSelection({ filterRules: rules(50) }))).toEqual([]);
    expect(listProblems(createSelection({ filterRules: rules(51) }))).toEqual([
      'selection.filterRules has 51 rules; CXone accepts at most 50',
    ]);
  });

  it('forbid a list that is targeted and excluded, and repetitions', () => {
    const wrong = {
      targetListIds: ['L1', 'L2', 'L1'],
      exclusionListIds: ['L2'],
      filterRules: [rule('age', 'in', { from: 18, to: 21 }), rule('age', 'in', { to: 21, from: 18 })],
      priorityOrder: ['a', 'a'],
    };
    expect(listProblems(wrong)).toEqual([
      'selection.exclusionListIds[0] is "L2", as is targetListIds[1]: a list that is both targeted and excluded dials nobody',
      'selection.targetListIds[2] is the same as targetListIds[0]',
      'selection.filterRules[1] is the same as filterRules[0]',
      'selection.priorityOrder[1] is the same as priorityOrder[0]',
    ]);
  });

  it('tell rules apart by field, operator and value, whose type and order count', () => {
    const values = ['CA', 'NY', 1, '1', true, 'true', null, 'null', ['CA', 'NY'], ['NY', 'CA'], [], {}];
    const filterRules = [...values.map((value) => rule('state', 'ne', value)), rule('state', 'gt', 'CA')];
    expect(listProblems(createSelection({ filterRules }))).toEqual([]);
    for (const repeated of filterRules)
      expect(listProblems(createSelection({ filterRules: [...filterRules, repeated] }))).toEqual([
        `selection.filterRules[13] is the same as filterRules[${filterRules.indexOf(repeated)}]`,
      ]);
  });

  it('forbid two values of a field that it is to equal, because no contact has both', () => {
    const filterRules = [rule('tier', 'eq', 'gold'), rule('state', 'eq', 'CA'), rule('tier', 'eq', 'silver')];
    expect(listProblems(createSelection({ filterRules }))).toEqual([
      'selection.filterRules[2] excludes filterRules[0]: no contact has two values of "tier", so the campaign would dial nobody',
    ]);
  });

  it('accept every selection of the property tests', () => {
    fc.assert(fc.property(selection, (any) => listProblems(any).length === 0));
  });
});

describe('a change', () => {
  const base = createSelection({
    targetListIds: ['L1', 'L2'],
    exclusionListIds: ['X1'],
    filterRules: [rule('age', 'gte', 18), rule('state', 'eq', 'TX')],
    priorityOrder: ['a', 'b'],
  });

  it('adds, removes and replaces each part', () => {
    const change: SelectionChange = {
      add: { targetListIds: ['L3'], filterRules: [rule('age', 'lt', 65)], priorityOrder: ['c'] },
      remove: {
        targetListIds: ['L1'],
        exclusionListIds: ['X1'],
        filterRules: [{ field: 'state', operator: 'eq' }],
        priorityOrder: ['a'],
      },
    };
    expect(changeProblems(change)).toEqual([]);
    expect(applyChange(base, change)).toEqual({
      targetListIds: ['L2', 'L3'],
      exclusionListIds: [],
      filterRules: [rule('age', 'gte', 18), rule('age', 'lt', 65)],
      priorityOrder: ['b', 'c'],
    });
  });

  it('removes a rule with a value only if it has that value', () => {
    const remove = { filterRules: [rule('state', 'eq', 'CA'), rule('age', 'gte', 18)] };
    expect(applyChange(base, { remove }).filterRules).toEqual([rule('state', 'eq', 'TX')]);
    const asText = { filterRules: [rule('age', 'gte', '18')] };
    expect(applyChange(base, { remove: asText }).filterRules).toEqual(base.filterRules);
  });

  it('adds a rule next to those of the same field and operator, and once', () => {
    const add = { filterRules: [rule('age', 'gte', 21), rule('age', 'gte', 18)] };
    expect(fitProblems(base, { add })).toEqual([]);
    expect(applyChange(base, { add }).filterRules).toEqual([...base.filterRules, rule('age', 'gte', 21)]);
  });

  it('replaces a rule by removing it as well, with or without its value', () => {
    const add = { filterRules: [rule('state', 'eq', 'NY')] };
    for (const removed of [rule('state', 'eq', 'TX'), { field: 'state', operator: 'eq' }]) {
      const change = { add, remove: { filterRules: [removed] } };
      expect([...changeProblems(change), ...fitProblems(base, change)]).toEqual([]);
      expect(applyChange(base, change).filterRules).toEqual([
        rule('age', 'gte', 18),
        rule('state', 'eq', 'NY'),
      ]);
    }
  });

  it('keeps further fields of a rule that it adds once more', () => {
    const theirs = { ...rule('age', 'gte', 18), id: 7 };
    const from = createSelection({ filterRules: [theirs] });
    for (const remove of [{}, { filterRules: [{ field: 'age', operator: 'gte' }] }])
      expect(
        applyChange(from, { add: { filterRules: [rule('age', 'gte', 18)] }, remove }).filterRules,
      ).toEqual([theirs]);
  });

  it('is refused if it changes nothing, contradicts itself or has the wrong shape', () => {
    const of = (change: unknown) => changeProblems(change).map(describeProblem);
    expect(of({})).toEqual(['change changes nothing']);
    expect(of({ add: { targetListIds: [] } })).toEqual(['change changes nothing']);
    expect(of({ put: {}, add: 3 })).toEqual([
      'change.put is unknown; a change has "add" and "remove"',
      'change.add must be one JSON object',
    ]);
    expect(of({ add: { targetListIds: ['L1'] }, remove: { targetListIds: ['L1'] } })).toEqual([
      'change.add.targetListIds[0] is also in "remove"',
    ]);
    expect(of({ remove: { filterRules: [{ field: 'age' }] } })).toEqual([
      'change.remove.filterRules[0].operator is missing',
    ]);
  });

  it('is refused if it breaks a rule with any selection', () => {
    const of = (change: unknown) => changeProblems(change).map(describeProblem);
    const add = {
      targetListIds: ['L1', 'L1'],
      exclusionListIds: ['L1'],
      filterRules: [rule('age', 'gte', 18), rule('age', 'gte', 18), rule('a', 'eq', 1), rule('a', 'eq', '1')],
      priorityOrder: ['1', '2', '3', '4', '5', '6'],
    };
    expect(of({ add })).toEqual([
      'change.add.priorityOrder has 6 priorities; CXone accepts at most 5',
      'change.add.exclusionListIds[0] is "L1", as is targetListIds[0]: a list that is both targeted and excluded dials nobody',
      'change.add.targetListIds[1] is the same as targetListIds[0]',
      'change.add.filterRules[1] is the same as filterRules[0]',
      'change.add.filterRules[3] excludes filterRules[2]: no contact has two values of "a", so the campaign would dial nobody',
    ]);
    // Excluding a list that is removed from the targets is a move.
    expect(of({ add: { exclusionListIds: ['L1'] }, remove: { targetListIds: ['L1'] } })).toEqual([]);
  });

  it('applied twice has the same result', () => {
    fc.assert(
      fc.property(selection, selection, selection, (from, add, remove) => {
        const priorityOrder = remove.priorityOrder.filter((each) => !add.priorityOrder.includes(each));
        const change = { add, remove: { ...remove, priorityOrder } };
        const once = applyChange(from, change);
        expect(sameSelection(applyChange(once, change), once)).toBe(true);
      }),
    );
  });
});

describe('a change of a campaign', () => {
  const base = createSelection({
    filterRules: [
      ...['CA', 'NY'].map((value) => rule('state', 'ne', value)),
      ...[18, 21].map((value) => rule('age', 'gte', value)),
      rule('tier', 'eq', 'standard'),
      rule('phone', 'eq', '+14155550100'),
    ],
  });
  const misfits = (change: SelectionChange) => fitProblems(base, change).map(describeProblem);

  it('has to name the value of a rule to remove, if there are several with the field and operator', () => {
    const remove = (field: string, operator: string) => ({
      remove: { filterRules: [rule('tier', 'eq', 'standard'), { field, operator }] },
    });
    expect(misfits(remove('state', 'ne'))).toEqual([
      'change.remove.filterRules[1] fits 2 rules of the campaign (rule state ne "CA" and "NY"): name the value of the one to remove',
    ]);
    expect(misfits(remove('tier', 'eq'))).toEqual([]);
    expect(misfits(remove('state', 'eq'))).toEqual([]);
  });

  it('is refused if it adds a second value that a field is to equal', () => {
    expect(misfits({ add: { filterRules: [rule('tier', 'eq', 'gold')] } })).toEqual([
      'change.add.filterRules[0] excludes rule tier eq "standard" of the campaign: no contact has two values of "tier", so ' +
        'the campaign would dial nobody. To replace that rule, name it in "remove" of the same change',
    ]);
    expect(misfits({ add: { filterRules: [rule('tier', 'eq', 'standard')] } })).toEqual([]);
    const [message] = misfits({ add: { filterRules: [rule('phone', 'eq', '+14155550199')] } });
    expect(message).not.toContain('0100');
  });

  it('is not refused where the campaign has several such rules already: contacts can have several values then', () => {
    const tags = createSelection({ filterRules: ['a', 'b'].map((value) => rule('tags', 'eq', value)) });
    const third = rule('tags', 'eq', 'c');
    expect(fitProblems(tags, { add: { filterRules: [third] } })).toEqual([]);
    expect(exclusionProblems([...tags.filterRules, third], tags.filterRules, 'selection')).toEqual([]);
  });

  it('says that a rule is not there to be removed while others of its field and operator are', () => {
    const missing = (...removed: Parameters<typeof rule>[]) =>
      describeMissingRules(base, { remove: { filterRules: removed.map((each) => rule(...each)) } });
    expect(missing(['age', 'gte', '18'])).toEqual([
      'rule age gte "18" is not there to be removed (there: 18 and 21)',
    ]);
    expect(missing(['age', 'gte', 18], ['age', 'lt', 65])).toEqual([]);
    // A replacement that was made already.
    const change = {
      remove: { filterRules: [rule('tier', 'eq', 'old')] },
      add: { filterRules: [rule('tier', 'eq', 'standard')] },
    };
    expect(describeMissingRules(base, change)).toEqual([]);
  });
});

describe('a selection for editing', () => {
  const theirs = readSelection({
    targetListIds: ['L1', 'L1'],
    filterRules: [
      { ...rule('state', 'ne', 'TX'), id: 7 },
      { ...rule('state', 'ne', 'CA'), id: 8 },
      { ...rule('state', 'ne', 'CA'), id: 10 },
      { field: 'vip', operator: 'exists', id: 9 },
    ],
  });

  it('is valid, unchanged, and keeps additional data in CXone', () => {
    const shown = toEditable(theirs);
    expect(selectionProblems(JSON.parse(JSON.stringify(shown)), 'selection', true)).toEqual([]);
    expect(exclusionProblems(shown.filterRules, theirs.filterRules, 'selection')).toEqual([]);
    expect(sameSelection(shown, theirs)).toBe(true);
    const more = { ...shown, targetListIds: ['L1', 'L2'] };
    const merged = mergeSelections({ base: theirs, theirs, ours: more }, () => null);
    expect(merged).toMatchObject({ kind: 'merged', selection: { filterRules: theirs.filterRules } });
  });

  it('may not gain rules that exclude each other', () => {
    const base = createSelection({ filterRules: [rule('tier', 'eq', 'gold')] });
    const ours = createSelection({ filterRules: [rule('tier', 'eq', 'gold'), rule('tier', 'eq', 'silver')] });
    expect(selectionProblems(ours, 'selection', true)).toEqual([]);
    expect(exclusionProblems(ours.filterRules, base.filterRules, 'selection').map(describeProblem)).toEqual([
      'selection.filterRules[1] excludes filterRules[0]: no contact has two values of "tier", so the campaign would dial nobody',
    ]);
  });
});

it('a selection is read back unchanged', () => {
  const reread = (any: unknown): unknown => readSelection(JSON.parse(JSON.stringify(any)));
  fc.assert(fc.property(selection, (any) => void expect(reread(any)).toEqual(any)));
});
