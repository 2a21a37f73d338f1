import { expect, it } from 'vitest';
import {
  describeDifference,
  describeValue,
  diffSelections,
  redactMessage,
  redactValue,
} from '../../src/domain/selection-update/diff.ts';
import { createSelection, rule } from './selections.ts';

it('describes the differences place by place', () => {
  const before = createSelection({
    targetListIds: ['L1', 'L2', 'L3'],
    exclusionListIds: ['X1'],
    filterRules: [rule('age', 'gte', 18), rule('state', 'eq', 'TX')],
    priorityOrder: ['a', 'b'],
  });
  const after = createSelection({
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

it('ignores the order of lists and rules', () => {
  const filterRules = [rule('age', 'gte', 18), rule('state', 'eq', 'TX')];
  const one = createSelection({ targetListIds: ['L1', 'L2'], filterRules });
  const other = createSelection({ targetListIds: ['L2', 'L1'], filterRules: [...filterRules].reverse() });
  expect(diffSelections(one, other)).toEqual([]);
});

it('redacts phone numbers and email addresses in messages of CXone, but keeps known list ids', () => {
  const redacted = (message: string) => redactMessage(message, ['20260001', 'L3']);
  expect(redacted('list L3 is archived since 2026')).toBe('list L3 is archived since 2026');
  expect(redacted('list 20260001 is archived')).toBe('list 20260001 is archived');
  expect(redacted('rule phone eq "+1 (415) 555-0100" is wrong, ask "dana@example.com"')).toBe(
    'rule phone eq "…" is wrong, ask "…"',
  );
});

it('reads a message once, however long it is and whatever it consists of', () => {
  // Megabytes: a search that starts over at every character would take hours.
  for (const part of ['a', '1', '1 ', '(', '+', '1 2 3 4 5 6 x', '1' + ' '.repeat(1_000), '@'])
    expect(redactMessage(part.repeat(Math.ceil(2_000_000 / part.length)), []).length).toBeGreaterThan(0);
});

it('redacts phone numbers and email addresses in values', () => {
  const describeRedacted = (value: unknown) =>
    describeValue(redactValue({ rules: [rule('f', 'eq', value)] }));
  for (const value of [
    '+1 (415) 555-0100',
    'dana@example.com',
    4155550100,
    ['x', '+14155550100'],
    'x'.repeat(80),
  ])
    expect(describeRedacted(value)).not.toMatch(/555|@|xxxxx/);
  for (const value of ['TX', 18, null, false, '2026-03-01', '2026-03-01T10:00:00Z', ['TX', 'CA']])
    expect(describeRedacted(value)).toBe(JSON.stringify(value));
});
