import { describe, expect, it } from 'vitest';
import { seedsOf } from './seeds.ts';

describe('the seeds of chaos', () => {
  it('are those that are named, or so many from the first', () => {
    expect(seedsOf(['--seed', '7', '--seed', '9'])).toEqual([7, 9]);
    expect(seedsOf(['--seeds', '3', '--from', '11'])).toEqual([11, 12, 13]);
    expect(seedsOf(['--from', '0'])).toHaveLength(20);
    expect(seedsOf(['--help'])).toBe(null);
  });

  it('are at least one: none would hold without having been tried', () => {
    expect(() => seedsOf(['--seeds', '0'])).toThrow('at least 1');
    expect(() => seedsOf(['--seeds', '-1'])).toThrow();
    expect(() => seedsOf(['--seed', 'x'])).toThrow('whole number');
  });
});
