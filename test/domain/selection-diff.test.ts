import { expect, it } from 'vitest';
import {
  describeDifference,
  describeValue,
  diffSelections,
  redactMessage,
  redactValue,
} from '../../src/domain/selection-update/diff.ts';
import { rule, selectionOf } from './selections.ts';

it('says what differs, place by place', () => {
  const before = selectionOf({
    targetListIds: ['L1', 'L2', 'L3'],
    exclusionListIds: ['X1'],
    filterRules: [rule('age', 'gte', 18), rule('state', 'eq', 'TX')],
    priorityOrder: ['a', 'b'],
  });
  const after = selectionOf({
    targetListIds: ['L1', 'L/9'],
    exclusionListIds: ['L2', 'X1'],
    filterRules: [rule('age', 'gte', 21), rule('vip', 'eq', false)],
    priorityOrder: ['b', 'a'],
  });
  expect(diffSelections(before, after).map(describeDifference)).toEqual([
    '~ list L2: target → exclusion',
    '- list L3: target',
    '~ rule age gte 18 → 21',
    '- rule state eq "TX"',
    '+ list L/9: target',
    '+ rule vip eq false',
    '~ priorities: "a", "b" → "b", "a"',
  ]);
});

it('another order of lists and rules is no difference', () => {
  const filterRules = [rule('age', 'gte', 18), rule('state', 'eq', 'TX')];
  const one = selectionOf({ targetListIds: ['L1', 'L2'], filterRules });
  const other = selectionOf({ targetListIds: ['L2', 'L1'], filterRules: [...filterRules].reverse() });
  expect(diffSelections(one, other)).toEqual([]);
});

it('what CXone says of a refusal has no number and no address, but the ids of our lists', () => {
  const said = (words: string) => redactMessage(words, ['20260001', 'L3']);
  expect(said('list L3 is archived since 2026')).toBe('list L3 is archived since 2026');
  expect(said('list 20260001 is archived')).toBe('list 20260001 is archived');
  expect(said('rule phone eq "+1 (415) 555-0100" is wrong, ask "dana@example.com"')).toBe(
    'rule phone eq "…" is wrong, ask "…"',
  );
});

it('what is shown in the Web UI has no number and no address', () => {
  const shownOf = (value: unknown) => describeValue(redactValue({ rules: [rule('f', 'eq', value)] }));
  for (const value of [
    '+1 (415) 555-0100',
    'dana@example.com',
    4155550100,
    ['x', '+14155550100'],
    'x'.repeat(80),
  ])
    expect(shownOf(value)).not.toMatch(/555|@|xxxxx/);
  for (const value of ['TX', 18, null, false, '2026-03-01', '2026-03-01T10:00:00Z', ['TX', 'CA']])
    expect(shownOf(value)).toBe(JSON.stringify(value));
});
