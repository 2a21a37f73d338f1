import { expect, it } from 'vitest';
import {
  describeDifference,
  describeValue,
  diffSelections,
  isShown,
  redactDifference,
  redactValue,
} from '../../src/domain/selection-update/diff.ts';
import type { ContactSelection } from '../../src/domain/selection-update/selection.ts';
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

it('describes of rules those that changed, and those that an addition keeps', () => {
  const of = (...values: unknown[]) =>
    createSelection({ filterRules: values.map((value) => rule('state', 'ne', value)) });
  const describe = (from: ContactSelection, to: ContactSelection) =>
    diffSelections(from, to).map(describeDifference);
  expect(describe(of('CA'), of('CA', 'NY'))).toEqual(['+ rule state ne "NY" (keeps "CA")']);
  expect(describe(of('CA', 'TX'), of('TX', 'NY'))).toEqual(['~ rule state ne "CA" → "NY" (keeps "TX")']);
  expect(describe(of('CA', 'TX'), of('TX'))).toEqual(['- rule state ne "CA"']);
  expect(describe(of(1), of('1'))).toEqual(['~ rule state ne 1 → "1"']);
  expect(describe(of(), of('CA', 'NY'))).toEqual(['+ rule state ne "CA" and "NY"']);
});

it('redacts the values of the rules that an addition keeps', () => {
  const phones = ['+14155550100', '+14155550101'].map((value) => rule('phone', 'ne', value));
  const [difference] = diffSelections(
    createSelection({ filterRules: phones.slice(1) }),
    createSelection({ filterRules: phones }),
  );
  expect(difference && describeDifference(difference)).toContain('555');
  expect(difference && describeDifference(redactDifference(difference))).toBe(
    '+ rule phone ne "(12 characters)" (keeps "(12 characters)")',
  );
});

it('counts a difference as shown if the plan had it, or more', () => {
  const of = (...values: unknown[]) =>
    createSelection({ filterRules: values.map((value) => rule('state', 'ne', value)) });
  const shown = diffSelections(of('CA', 'TX'), of('NY', 'FL'));
  const isEachShown = (from: ContactSelection, to: ContactSelection) =>
    diffSelections(from, to).every((each) => isShown(each, shown));
  expect(isEachShown(of('CA', 'FL'), of('NY', 'FL'))).toBe(true);
  expect(isEachShown(of('WA'), of('WA', 'NY'))).toBe(true);
  expect(isEachShown(of('WA'), of('NY'))).toBe(false);
  expect(isEachShown(of('CA'), of('OR'))).toBe(false);
});

it('ignores the order of lists and rules', () => {
  const filterRules = [rule('age', 'gte', 18), rule('state', 'eq', 'TX')];
  const one = createSelection({ targetListIds: ['L1', 'L2'], filterRules });
  const other = createSelection({ targetListIds: ['L2', 'L1'], filterRules: [...filterRules].reverse() });
  expect(diffSelections(one, other)).toEqual([]);
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
