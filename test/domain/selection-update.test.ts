import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyChange,
  changeProblems,
  type SelectionChange,
} from '../../src/domain/selection-update/change.ts';
import { mergeSelections } from '../../src/domain/selection-update/merge.ts';
import {
  describeProblem,
  repeatedRules,
  toEditable,
  readSelection,
  selectionProblems,
} from '../../src/domain/selection-update/selection.ts';
import { sameSelection } from '../../src/domain/selection-update/places.ts';
import { rule, selection, selectionOf } from './selections.ts';

const problemsOf = (value: unknown) => selectionProblems(value).map(describeProblem);

describe('the rules of a selection', () => {
  it('takes what S3 asks for, and false, 0 and null as values', () => {
    const values = [false, 0, null, '', [], 'TX'];
    const filterRules = values.map((value, i) => rule(`field${i}`, 'eq', value));
    expect(problemsOf(selectionOf({ filterRules }))).toEqual([]);
    expect(problemsOf({ targetListIds: ['L1'] })).toEqual([]);
  });

  it('names every problem at once, each with its path', () => {
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
    expect(problemsOf(wrong)).toEqual([
      'selection.exclusionListIds[1] must be a text that is not empty',
      'selection.exclusionListIds[2] must be a text that is not empty',
      'selection.filterRules[0].value is missing (false, 0 and null are values)',
      'selection.filterRules[1].field is missing',
      'selection.filterRules[1].operator is missing',
      'selection.filterRules[2] must be {"field", "operator", "value"}',
      'selection.filterRules[3].id is not known; a rule has field, operator and value',
      'selection.targetLists is not known; there are targetListIds, exclusionListIds, filterRules, priorityOrder',
      'selection.targetListIds must have at least one list',
      'selection.priorityOrder has 6 priorities; CXone takes 5 at most',
    ]);
  });

  it('what has no shape hides no other problem of its list, and moves no position', () => {
    const wrong = {
      targetListIds: ['L1', '', 'L2', 'L1'],
      exclusionListIds: [7, 'L2'],
      filterRules: [rule('age', 'gte', 18), {}, rule('age', 'gte', 21)],
      priorityOrder: ['1', '2', '3', '4', '5', 6],
    };
    expect(problemsOf(wrong)).toEqual([
      'selection.targetListIds[1] must be a text that is not empty',
      'selection.exclusionListIds[0] must be a text that is not empty',
      'selection.filterRules[1].field is missing',
      'selection.filterRules[1].operator is missing',
      'selection.filterRules[1].value is missing (false, 0 and null are values)',
      'selection.priorityOrder[5] must be a text that is not empty',
      'selection.priorityOrder has 6 priorities; CXone takes 5 at most',
      'selection.exclusionListIds[1] is "L2", which targetListIds[2] has too: a list both targeted and excluded dials nobody',
      'selection.targetListIds[3] is the same as targetListIds[0]',
      'selection.filterRules[2] has the field and operator of filterRules[0]',
    ]);
    expect(problemsOf({ targetListIds: 'L1' })).toEqual(['selection.targetListIds must be a list']);
  });

  it('refuses 51 rules and takes 50', () => {
    const rules = (n: number) => Array.from({ length: n }, (_, i) => rule(`f${i}`, 'eq', i));
    expect(problemsOf(selectionOf({ filterRules: rules(50) }))).toEqual([]);
    expect(problemsOf(selectionOf({ filterRules: rules(51) }))).toEqual([
      'selection.filterRules has 51 rules; CXone takes 50 at most',
    ]);
  });

  it('refuses a list that is targeted and excluded, and anything that is there twice', () => {
    const wrong = {
      targetListIds: ['L1', 'L2', 'L1'],
      exclusionListIds: ['L2'],
      filterRules: [rule('age', 'gte', 18), rule('age', 'gte', 21)],
      priorityOrder: ['a', 'a'],
    };
    expect(problemsOf(wrong)).toEqual([
      'selection.exclusionListIds[0] is "L2", which targetListIds[1] has too: a list both targeted and excluded dials nobody',
      'selection.targetListIds[2] is the same as targetListIds[0]',
      'selection.filterRules[1] has the field and operator of filterRules[0]',
      'selection.priorityOrder[1] is the same as priorityOrder[0]',
    ]);
  });

  it('accepts every selection of the property tests', () => {
    fc.assert(fc.property(selection, (any) => problemsOf(any).length === 0));
  });
});

describe('a change', () => {
  const base = selectionOf({
    targetListIds: ['L1', 'L2'],
    exclusionListIds: ['X1'],
    filterRules: [rule('age', 'gte', 18), rule('state', 'eq', 'TX')],
    priorityOrder: ['a', 'b'],
  });

  it('adds, removes and replaces each part', () => {
    const change: SelectionChange = {
      add: { targetListIds: ['L3'], filterRules: [rule('age', 'gte', 21)], priorityOrder: ['c'] },
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
      filterRules: [rule('age', 'gte', 21)],
      priorityOrder: ['b', 'c'],
    });
  });

  it('removes a rule by its value only where the value is that', () => {
    const remove = { filterRules: [rule('state', 'eq', 'CA'), rule('age', 'gte', 18)] };
    expect(applyChange(base, { remove }).filterRules).toEqual([rule('state', 'eq', 'TX')]);
  });

  it('is refused for what is no change, what contradicts itself, and what is of another shape', () => {
    const of = (change: unknown) => changeProblems(change).map(describeProblem);
    expect(of({})).toEqual(['change changes nothing']);
    expect(of({ add: { targetListIds: [] } })).toEqual(['change changes nothing']);
    expect(of({ put: {}, add: 3 })).toEqual([
      'change.put is not known; a change has "add" and "remove"',
      'change.add must be one JSON object',
    ]);
    expect(of({ add: { targetListIds: ['L1'] }, remove: { targetListIds: ['L1'] } })).toEqual([
      'change.add.targetListIds[0] is in "remove" too',
    ]);
    expect(of({ remove: { filterRules: [{ field: 'age' }] } })).toEqual([
      'change.remove.filterRules[0].operator is missing',
    ]);
  });

  it('is refused before any request for what no selection can have', () => {
    const of = (change: unknown) => changeProblems(change).map(describeProblem);
    const add = {
      targetListIds: ['L1', 'L1'],
      exclusionListIds: ['L1'],
      filterRules: [rule('age', 'gte', 18), rule('age', 'gte', 21)],
      priorityOrder: ['1', '2', '3', '4', '5', '6'],
    };
    expect(of({ add })).toEqual([
      'change.add.priorityOrder has 6 priorities; CXone takes 5 at most',
      'change.add.exclusionListIds[0] is "L1", which targetListIds[0] has too: a list both targeted and excluded dials nobody',
      'change.add.targetListIds[1] is the same as targetListIds[0]',
      'change.add.filterRules[1] has the field and operator of filterRules[0]',
    ]);
    // The other way round it is a move.
    expect(of({ add: { exclusionListIds: ['L1'] }, remove: { targetListIds: ['L1'] } })).toEqual([]);
  });

  it('applied twice changes nothing more', () => {
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

describe('what a person is shown to edit', () => {
  const theirs = readSelection({
    targetListIds: ['L1', 'L1'],
    filterRules: [
      { ...rule('state', 'ne', 'TX'), id: 7 },
      { ...rule('state', 'ne', 'CA'), id: 8 },
      { field: 'vip', operator: 'exists', id: 9 },
    ],
  });

  it('is taken back as it stands, is no change, and keeps what CXone has besides', () => {
    const shown = toEditable(theirs);
    expect(selectionProblems(JSON.parse(JSON.stringify(shown)), 'selection', true)).toEqual([]);
    expect(repeatedRules(shown, theirs, 'selection')).toEqual([]);
    expect(sameSelection(shown, theirs)).toBe(true);
    const more = { ...shown, targetListIds: ['L1', 'L2'] };
    const merged = mergeSelections({ base: theirs, theirs, ours: more }, () => null);
    expect(merged).toMatchObject({ kind: 'merged', selection: { filterRules: theirs.filterRules } });
  });

  it('may not get several rules of one field and operator where CXone had one', () => {
    const base = selectionOf({ filterRules: [rule('age', 'gte', 18)] });
    const ours = selectionOf({ filterRules: [rule('age', 'gte', 18), rule('age', 'gte', 21)] });
    expect(selectionProblems(ours, 'selection', true)).toEqual([]);
    expect(repeatedRules(ours, base, 'selection').map(describeProblem)).toEqual([
      'selection.filterRules[1] has the field and operator of filterRules[0]',
    ]);
  });
});

it('a selection is read back as it was', () => {
  const reread = (any: unknown): unknown => readSelection(JSON.parse(JSON.stringify(any)));
  fc.assert(fc.property(selection, (any) => void expect(reread(any)).toEqual(any)));
});
