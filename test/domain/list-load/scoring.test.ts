import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFieldSchema, readScoringRules } from '../../../src/domain/list-load/rules.ts';
import {
  DEFAULT_SCORING,
  parseNumber,
  priorityOf,
  type ScoringRules,
  scoreItem,
} from '../../../src/domain/list-load/scoring.ts';

function score(row: Readonly<Record<string, string>>, rules: ScoringRules = DEFAULT_SCORING) {
  const scored = scoreItem((name) => row[name], rules);
  if ('reasons' in scored) throw new Error(JSON.stringify(scored.reasons));
  return scored;
}

describe('the score by the default rules', () => {
  it.each([
    [{}, 50],
    [{ last_contact_days: '10', engagement_rating: 'HIGH', customer_status: 'ACTIVE' }, 110],
    [{ last_contact_days: '120', engagement_rating: 'LOW', customer_status: 'PROSPECT' }, 15],
    [{ last_contact_days: '13.5' }, 70],
    [{ last_contact_days: '14' }, 50],
    [{ last_contact_days: '90' }, 50],
    [{ last_contact_days: '91' }, 35],
    [{ last_contact_days: '0' }, 70],
    [{ engagement_rating: ' high ', customer_status: 'Active' }, 90],
    [{ engagement_rating: 'MEDIUM', customer_status: '' }, 50],
  ])('of %j is %i', (row, expected) => {
    expect(score(row as Record<string, string>).score).toBe(expected);
  });

  it.each(['-3', 'ten', '8,5', ' ', 'NaN', '0x10'])(
    'counts %j days as 30, and its components say so',
    (days) => {
      const { score: value, components } = score({ last_contact_days: days });
      expect(value).toBe(50);
      expect(components.map(({ what }) => what)).toContainEqual(
        expect.stringMatching(/^last_contact_days (is missing|is not a number from 0 on): counts as 30$/),
      );
    },
  );

  it('is the sum of its components, which do not contain values of the row', () => {
    const row = fc.record({
      last_contact_days: fc.oneof(fc.string(), fc.integer().map(String)),
      engagement_rating: fc.constantFrom('HIGH', 'low', 'x', ''),
      customer_status: fc.constantFrom('ACTIVE', 'inactive-secret'),
    });
    fc.assert(
      fc.property(row, (each) => {
        const { score: value, clamped, components } = score(each);
        expect(components.reduce((sum, { add }) => sum + add, 0)).toBe(value);
        expect(clamped).toBe(Math.min(100, Math.max(0, value)));
        expect(JSON.stringify(components)).not.toContain('secret');
      }),
    );
  });
});

describe('a priority', () => {
  it.each([
    [-1, 0],
    [0, 0],
    [9.99, 0],
    [10, 1],
    [15, 1],
    [99, 9],
    [100, 10],
    [1_000, 10],
  ])('of a score of %d is %i', (value, priority) => {
    expect(priorityOf(value)).toBe(priority);
  });
});

describe('a number in a text', () => {
  it.each([
    ['9', 9],
    [' 7.0 ', 7],
    ['+1', 1],
    ['-1.5', -1.5],
    ['.5', 0.5],
    ['1e1', 10],
    ['1E-2', 0.01],
    ['-0', 0],
    ['007', 7],
  ])('%j is %d', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });
  it.each([
    '',
    ' ',
    '8,5',
    '1.234,5',
    '1,234',
    '1 000',
    'NaN',
    'Infinity',
    '-Infinity',
    '0x10',
    '0b1',
    '5.',
    '1e999',
    '1_000',
    '٣',
    '9%',
    'e1',
  ])('%j is none', (text) => {
    expect(parseNumber(text)).toBeNull();
  });
});

describe('own rules', () => {
  const rules: ScoringRules = {
    base: 0,
    numbers: { age: { min: 0, max: 120 } },
    rules: [
      { field: 'age', atLeast: 18, below: 30, add: 10 },
      { field: 'age', above: 65, add: -5 },
      { field: 'plan', equals: ['gold', 'platinum'], add: 40.5 },
      { field: 'email', isGiven: true, add: 1 },
      { field: 'email', isGiven: false, add: -1 },
    ],
    clamp: { min: 0, max: 50 },
  };

  it('are valid, and add up', () => {
    expect(readScoringRules(rules)).toEqual({ rules });
    expect(score({ age: '18', plan: 'Gold', email: 'a@example.com' }, rules)).toMatchObject({
      score: 51.5,
      clamped: 50,
    });
    expect(score({ age: '30' }, rules).score).toBe(-1);
    expect(score({ age: '66', email: ' ' }, rules).score).toBe(-6);
  });

  it('compare nothing with a number that is missing or out of range', () => {
    for (const age of ['', '200', 'x']) expect(score({ age }, rules).score).toBe(-1);
  });

  it('the default rules are valid, and so is a column', () => {
    expect(readScoringRules(DEFAULT_SCORING)).toEqual({ rules: DEFAULT_SCORING });
    expect(readScoringRules({ column: 'score' })).toEqual({ rules: { column: 'score' } });
  });

  it('are refused with the position of every error', () => {
    const wrong = {
      base: '50',
      rules: [
        { field: 'a', equals: 'x', add: 1 },
        { field: '', equals: 'x', add: '5' },
        { field: 'b', add: 5 },
        { field: 'b', equals: 'x', below: 3, add: 5 },
        { field: 'b', below: 3, atLeast: 3, add: 5 },
        { field: 'b', equal: 'x', add: 5 },
        { field: 'b', equals: [], add: 5 },
        7,
      ],
      clamp: { min: 100, max: 0 },
      weights: {},
    };
    const read = readScoringRules(wrong);
    const problems = 'problems' in read ? read.problems : [];
    expect(problems.map((each) => each.split(' ')[0])).toEqual([
      'scoring.weights',
      'scoring.base',
      'scoring.rules[1].field',
      'scoring.rules[1].add',
      'scoring.rules[2]',
      'scoring.rules[3]',
      'scoring.rules[4]',
      'scoring.rules[5].equal',
      'scoring.rules[6].equals',
      'scoring.rules[7]',
      'scoring.clamp',
    ]);
  });

  it.each([
    [null, 'scoring must be one JSON object'],
    [{ base: 1 }, 'scoring.rules is missing'],
    [{ base: Number.NaN, rules: [] }, 'scoring.base must be a number'],
    [{ base: 1, rules: {} }, 'scoring.rules must be a list'],
    [{ column: '' }, 'scoring.column must be the name of a field'],
    [{ column: 'score', base: 1 }, 'scoring.base is unknown'],
    [{ base: 1, rules: [], numbers: { age: { missing: 1 } } }, 'scoring.numbers.age is a field that no rule'],
    [
      { base: 1, rules: Array(101).fill({ field: 'a', equals: 'x', add: 1 }) },
      'scoring.rules must have at most 100',
    ],
  ])('%j is refused', (value, problem) => {
    const read = readScoringRules(value);
    expect('problems' in read && read.problems[0]).toContain(problem);
  });
});

describe('a schema', () => {
  it.each([
    [{}, 'schema must have "allowed", "required" or both'],
    [{ allowed: 'a' }, 'schema.allowed must be a list'],
    [{ allowed: ['a', 3] }, 'schema.allowed[1] must be the name of a field'],
    [{ allowed: ['a'], required: ['a', 'b'] }, 'schema.required[1] is not in "allowed"'],
    [{ fields: [] }, 'schema.fields is unknown'],
  ])('%j is refused', (value, problem) => {
    const read = readFieldSchema(value);
    expect('problems' in read && read.problems[0]).toContain(problem);
  });
  it('has the names of fields', () => {
    const schema = { allowed: ['a', 'b'], required: ['a'] };
    expect(readFieldSchema(schema)).toEqual({ schema });
  });

  it.each([
    [
      ['Plan', 'last contact'],
      ['plan', 'Last-Contact'],
    ],
    [['phone_number'], ['phone']],
  ])('that allows %j may require %j, which are the same fields', (allowed, required) => {
    expect(readFieldSchema({ allowed, required })).toEqual({ schema: { allowed, required } });
  });
});
