import { describe, expect, it } from 'vitest';
import { capacityOf } from '../../../src/domain/list-load/capacity.ts';
import { suppressionDoubts } from '../../../src/domain/list-load/suppressions.ts';

describe('the capacity of a campaign', () => {
  it.each([
    [{ currentListSize: 5, maxListSize: 10, listCapacity: 20 }, 5, 10],
    [{ currentListSize: 5, listCapacity: 20 }, 5, 20],
    [{ currentListSize: 5, maxListSize: null, listCapacity: null }, 5, 1_000_000],
    [{ currentListSize: 5, maxListSize: 0, listCapacity: 20 }, 5, 0],
    [{ maxListSize: 10 }, 0, 10],
  ])('%j is %i of %i', (campaign, current, max) => {
    expect(capacityOf(campaign)).toMatchObject({ current, max });
  });

  it('mentions what CXone does not state', () => {
    expect(capacityOf({ currentListSize: 0, maxListSize: 10 }).notes).toEqual([]);
    expect(capacityOf({}).notes).toEqual([
      expect.stringContaining('current size'),
      expect.stringContaining('1,000,000'),
    ]);
  });
});

describe('a suppression list', () => {
  const figures = { entries: 100, unidentified: 0, isComplete: true };
  it.each([
    [figures, null],
    [figures, { entries: 200 }],
    [figures, { entries: 1 }],
    [{ ...figures, entries: 0 }, { entries: 0 }],
  ])('%j after %j can be relied on', (now, previous) => {
    expect(suppressionDoubts(now, previous)).toEqual([]);
  });

  it.each([
    [{ ...figures, isComplete: false }, null, /ends in the middle, after 100 entries/],
    [{ ...figures, entries: 0 }, null, /is empty/],
    [{ ...figures, entries: 0 }, { entries: 3 }, /is empty/],
    [figures, { entries: 201 }, /from 201 entries to 100/],
    [
      { ...figures, unidentified: 1 },
      null,
      /^1 entry of the suppression list identifies nobody, or has a number, .* cannot be read/,
    ],
  ])('%j after %j waits for a person', (now, previous, doubt) => {
    expect(suppressionDoubts(now, previous)).toEqual([expect.stringMatching(doubt)]);
  });
});
