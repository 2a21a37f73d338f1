import { describe, expect, it } from 'vitest';
import { changeProblems, describeMissing } from '../../src/domain/selection-update/change.ts';
import { describeProblem, selectionProblems } from '../../src/domain/selection-update/selection.ts';
import { createSelection, rule } from './selections.ts';

describe('what is not there to be removed', () => {
  const base = createSelection({
    targetListIds: ['L1', 'L2', 'L3 '],
    exclusionListIds: ['X1'],
    filterRules: [rule('age', 'gte', 18)],
    priorityOrder: ['score'],
  });

  it('is named, with what looks like it', () => {
    const remove = {
      targetListIds: ['L2 ', 'L1', 'L9', 'L3 '],
      exclusionListIds: ['L1', 'X1\u200b'],
      filterRules: [rule('age', 'gte', '18'), rule('age', 'lt', 65), { field: 'tier', operator: 'eq' }],
      priorityOrder: ['score', 'vip', 'ann@example.com'],
    };
    expect(describeMissing(base, { remove })).toEqual([
      'list "L2 ": target is not there to be removed (there: "L2")',
      'list "L9": target is not there to be removed',
      'list "L1": exclusion is not there to be removed',
      'list "X1\\u200b": exclusion is not there to be removed (there: "X1")',
      'rule age lt is not there to be removed',
      'rule tier eq is not there to be removed',
      'rule age gte "18" is not there to be removed (there: 18)',
      'priority "vip" is not there to be removed',
      'priority "(15 characters)" is not there to be removed',
    ]);
  });

  it('is not named if it has been replaced already', () => {
    const change = {
      remove: { filterRules: [rule('t', 'eq', 1)] },
      add: { filterRules: [rule('t', 'eq', 2)] },
    };
    expect(describeMissing(base, change)).toEqual([]);
  });
});

describe('the id of a list', () => {
  const problems = (value: object) => selectionProblems(value, 'selection').map(describeProblem);

  it('with a blank or an invisible character is refused, and every other problem is reported with it', () => {
    expect(
      problems({
        targetListIds: ['L1', 'L1 ', 'L2'],
        exclusionListIds: ['X-DNC\u00a0', 'L2', '\tX', 'X\u200b1', 'X\u00a01'],
      }),
    ).toEqual([
      'selection.targetListIds[1] has a blank at its end; remove it',
      'selection.exclusionListIds[0] has a no-break space (U+00A0) at its end; remove it',
      expect.stringMatching(/^selection.exclusionListIds\[2\] /),
      expect.stringMatching(/^selection.exclusionListIds\[3\] has an invisible character \(U\+200B\)/),
      expect.stringMatching(/^selection.exclusionListIds\[4\] has a no-break space \(U\+00A0\)/),
      expect.stringMatching(/^selection.exclusionListIds\[1\] is "L2", as is targetListIds\[2\]/),
    ]);
  });

  it('may have blanks where it is removed, because CXone may have it so', () => {
    expect(changeProblems({ remove: { targetListIds: ['L1 '] } })).toEqual([]);
    expect(changeProblems({ add: { targetListIds: ['L1 '] } })).toHaveLength(1);
  });
});
