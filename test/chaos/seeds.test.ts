import { describe, expect, it } from 'vitest';
import { parseSeeds } from './seeds.ts';

describe('the arguments of npm run chaos', () => {
  it('name the seeds one by one, or as a count and a first seed', () => {
    expect(parseSeeds(['--seed', '7', '--seed', '9'])).toEqual([7, 9]);
    expect(parseSeeds(['--seeds', '3', '--from', '11'])).toEqual([11, 12, 13]);
    expect(parseSeeds(['--from', '0'])).toHaveLength(20);
    expect(parseSeeds(['--help'])).toBe(null);
  });

  it('are rejected if they name no seed', () => {
    expect(() => parseSeeds(['--seeds', '0'])).toThrow('at least 1');
    expect(() => parseSeeds(['--seeds', '-1'])).toThrow();
    expect(() => parseSeeds(['--seed', 'x'])).toThrow('whole number');
  });
});
