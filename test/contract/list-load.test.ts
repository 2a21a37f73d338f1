import { describe, expect, it } from 'vitest';
import { itemRules, type ListLoadInput, listLoad } from '../../src/contract/list-load.ts';
import type { CallingHours } from '../../src/domain/list-load/calling-hours.ts';
import { DEFAULT_SCORING } from '../../src/domain/list-load/scoring.ts';

const INPUT: ListLoadInput = { listId: 'L1', campaignId: 'C1', source: { dataset: 'ds_1' } };

const HOURS: CallingHours = {
  defaultRegion: 'US',
  regions: [
    { region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from: '08:00', to: '21:00' }] },
  ],
};

const problemsOf = (value: unknown) => {
  const checked = listLoad.check(value);
  return 'problems' in checked ? checked.problems : [];
};

describe('the input of a list load', () => {
  it('needs a list, a campaign and a source', () => {
    expect(problemsOf({})).toEqual(['listId is missing', 'campaignId is missing', 'source is missing']);
    expect(problemsOf(INPUT)).toEqual([]);
  });

  it('is refused with every problem of its rules, each with its position', () => {
    const scoring = { base: 1, rules: [{ field: 'plan', equals: 'gold' }] };
    const input = {
      ...INPUT,
      deduplicateBy: ['email', 'email'],
      scoring,
      schema: { required: [1] },
      fit: 'yes',
    };
    expect(problemsOf(input)).toEqual([
      'fit must be true or false',
      'deduplicateBy[1] is there twice',
      'scoring.rules[0].add is missing',
      expect.stringMatching(/^schema\.required\[0\] must be the name of a field/),
    ]);
    expect(problemsOf({ ...INPUT, deduplicateBy: [] })).toEqual([
      'deduplicateBy must have at least one field, e.g. ["phone_number"]',
    ]);
    expect(problemsOf({ ...INPUT, deduplicateBy: 'email' })).toEqual(['deduplicateBy must be a list']);
  });

  it('may have calling hours, and something to do outside of them', () => {
    const regions = [{ ...HOURS.regions[0], windows: [{ from: '21:00', to: '08:00' }] }];
    expect(problemsOf({ ...INPUT, callingHours: { ...HOURS, regions }, outsideHours: 'reject' })).toEqual([
      'callingHours.regions[0].windows[0].to must be after from; split a window over midnight in two',
    ]);
    expect(problemsOf({ ...INPUT, callingHours: HOURS, outsideHours: 'call' })).toEqual([
      'outsideHours must be one of wait, reject',
    ]);
    expect(problemsOf({ ...INPUT, callingHours: HOURS, outsideHours: 'reject' })).toEqual([]);
    expect(problemsOf({ ...INPUT, outsideHours: 'wait' })).toEqual(['outsideHours needs callingHours']);
    expect(itemRules({ ...INPUT, callingHours: HOURS })).toMatchObject({ hasCallingHours: true });
  });

  it('has the defaults of the tutorial', () => {
    expect(itemRules(INPUT)).toEqual({
      deduplicateBy: ['phone_number'],
      scoring: DEFAULT_SCORING,
      schema: null,
    });
  });

  it('is the same run with defaults written out, and another one with other rules', () => {
    const fingerprint = (options: Partial<ListLoadInput>) =>
      JSON.stringify(listLoad.fingerprint({ ...INPUT, ...options }));
    const same = [
      { deduplicateBy: ['phone_number'], scoring: DEFAULT_SCORING, fit: false },
      { acceptSuppressions: '3f9a0c1d2e4b5a67', approval: true, requestedBy: 'dana' },
    ];
    for (const options of same) expect(fingerprint(options)).toBe(fingerprint({}));
    const others: readonly Partial<ListLoadInput>[] = [
      { campaignId: 'C2' },
      { deduplicateBy: ['email'] },
      { scoring: { column: 'score' } },
      { schema: { required: ['plan'] } },
      { fit: true },
      { suppress: 'ds_csv_1' },
      { callingHours: HOURS },
      { callingHours: HOURS, outsideHours: 'reject' },
      { source: { dataset: 'ds_1', map: { phone_number: 'Mobile' } } },
    ];
    const all = others.map(fingerprint);
    expect(new Set([fingerprint({}), ...all]).size).toBe(others.length + 1);
  });

  it('is titled by list and campaign', () => {
    expect(listLoad.title(INPUT)).toBe('List load to list L1 for campaign C1');
    expect(listLoad.target(INPUT)).toBe('L1');
  });
});
