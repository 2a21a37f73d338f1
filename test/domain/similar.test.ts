import { describe, expect, it } from 'vitest';
import { findSimilar } from '../../src/domain/similar.ts';

const COLUMNS = ['contactId', 'email', 'First Name', 'plan', 'company'];

describe('a name that is similar', () => {
  it.each([
    ['compnay', 'company'],
    ['compani', 'company'],
    ['firstname', 'First Name'],
    ['fristName', 'First Name'],
    ['Plan ', 'plan'],
    ['emial', 'email'],
  ])('to %s is %s', (name, similar) => {
    expect(findSimilar(name, COLUMNS)).toBe(similar);
  });

  it.each(['', 'x', 'city', 'planet of the apes', 'x'.repeat(100_000)])('is not found for %j', (name) => {
    expect(findSimilar(name, COLUMNS)).toBeUndefined();
    expect(findSimilar(name, [])).toBeUndefined();
  });

  it('is the nearest one, and the first of several', () => {
    expect(findSimilar('column3', ['column12', 'column1', 'column2'])).toBe('column1');
    expect(findSimilar('plans', ['plant', 'plans2', 'plan'])).toBe('plant');
  });
});
