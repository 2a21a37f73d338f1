/** What the plan, the result and the exported records of a list load show. */
import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { listLoadFacts, listLoadFigures } from '../../src/cli/render/list-load-facts.ts';
import { formatTime } from '../../src/cli/terminal/format.ts';
import type { ListLoadFigures, ListLoadOutlook } from '../../src/contract/list-load.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const HOURS = {
  defaultRegion: 'US',
  regions: [
    { region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from: '08:00', to: '21:00' }] },
  ],
};

/** What `cxflow records` writes of rows that are pending unless they say otherwise. */
async function exportRows(
  rows: readonly Record<string, unknown>[],
  change: Parameters<typeof finished>[0],
  now = '2026-03-01T10:00:00Z',
): Promise<string[]> {
  const session = fakeSession({ run: finished({ kind: 'listLoad', ...change }) });
  const list = async function* () {
    for (const [i, { outcome = 'pending', ...fields }] of rows.entries())
      yield await Promise.resolve({ seq: i + 1, line: i + 2, fields, outcome, reasons: [] });
  };
  const records = { ...session.ledger?.records, list };
  const ledger = { ...session.ledger, records, now: () => Promise.resolve(new Date(now)) };
  const cli = fakeCli({ ...session, ledger: ledger as unknown as NonNullable<typeof session.ledger> });
  expect(await run(['records', 'r1'], cli)).toBe(0);
  return cli.out().trimEnd().split('\n');
}

const FIGURES: ListLoadFigures = {
  capacity: { before: 1_000, after: 1_250, max: 5_000, reserved: 300 },
  suppressions: { hash: '3f9a0c1d2e4b5a67', entries: 100_000, unidentified: 2, fileRows: 40 },
  suppressed: [
    { list: 'cxone', by: 'phone number', n: 12 },
    { list: 'own', by: 'contact id', n: 1 },
  ],
  scores: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
};

const OUTLOOK: ListLoadOutlook = {
  ...{ at: '2026-11-28T15:30:00.000Z', callable: 1, outsideHours: 1_200 },
  ...{ firstMoment: '2026-11-28T16:00:00.000Z', unknown: 2 },
};

describe('what a list load shows', () => {
  it('is capacity, suppressions by kind, and the scores of what is loaded', () => {
    const { facts, histogram } = listLoadFigures(FIGURES);
    expect(facts).toEqual([
      ['capacity', '1,000 → 1,250 of 5,000, 300 more reserved by other runs'],
      [
        'suppression list',
        '100,000 entries and 40 rows of the file, 2 of which identify nobody or cannot be read in full, hash 3f9a0c1d2e4b…',
      ],
      ['suppressed', '12 by phone number, on the suppression list'],
      ['suppressed', '1 by contact id, on our own list'],
    ]);
    expect(histogram.bars.map(({ label, n }) => `${label}: ${n}`)).toEqual([
      ...['below 10: 0', '10 to 20: 1', '20 to 30: 2', '30 to 40: 3', '40 to 50: 4', '50 to 60: 5'],
      ...['60 to 70: 6', '70 to 80: 7', '80 to 90: 8', '90 and more: 9'],
    ]);
  });

  it('is no number of rows of the file in a plan that was stored without it', () => {
    const { fileRows: _, ...suppressions } = FIGURES.suppressions;
    const { facts } = listLoadFigures({ ...FIGURES, suppressions });
    expect(facts[1]?.[1]).toMatch(/^100,000 entries, 2 of which/);
  });

  it('is who may be called, if it has calling hours', () => {
    const hoursOf = (change: Partial<ListLoadOutlook>) =>
      listLoadFigures(FIGURES, { ...OUTLOOK, ...change })
        .facts.filter(([name]) => name === 'calling hours')
        .map(([, value]) => value);
    const now = `1 record may be called at ${formatTime(new Date('2026-11-28T15:30:00Z'))}`;
    const first = formatTime(new Date('2026-11-28T16:00:00Z'));
    expect(hoursOf({})).toEqual([
      now,
      `1,200 may not, the first of them not before ${first}`,
      'of 2 nobody can say',
    ]);
    expect(hoursOf({ outsideHours: 0, firstMoment: null, unknown: 0 })).toEqual([now]);
  });

  it('is nothing for a run that ended before it knew anything', () => {
    expect(listLoadFacts({})).toEqual([]);
    expect(listLoadFacts({ campaignId: 'C1', capacity: null, suppressions: null })).toEqual([
      ['campaign', 'C1'],
    ]);
  });

  it('is the capacity and the throughput only of a run that has loaded something', () => {
    const result = {
      capacity: { before: 1, after: 3, max: 9 },
      metrics: { deduplicationRate: '33.33%', rawIngested: 3, throughputPerMinute: '12.0' },
    };
    expect(listLoadFacts(result)).toEqual([
      ['capacity', '1 → 3 of 9'],
      ['duplicates', '33.33 % of 3 rows'],
      ['throughput', '12.0 records a minute'],
    ]);
    expect(listLoadFacts({ ...result, dryRun: true })).toEqual([['duplicates', '33.33 % of 3 rows']]);
  });

  it('is in the plan, with masked samples of the first records', async () => {
    const plan = {
      hash: 'p1',
      total: 9,
      toWrite: 5,
      invalid: 0,
      duplicate: 0,
      batches: 1,
      figures: FIGURES,
      outlook: OUTLOOK,
    };
    const session = fakeSession({ run: finished({ kind: 'listLoad', plan, dry_run: true }) });
    const records = [{ fields: [{ name: 'phone_number', value: '+14155550101' }] }];
    const ledger = { ...session.ledger, reports: { samples: () => Promise.resolve(records) } };
    const cli = fakeCli({ ...session, ledger: ledger as unknown as NonNullable<typeof session.ledger> });
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('1,000 → 1,250 of 5,000');
    expect(cli.out()).toContain('1 record may be called at');
    expect(cli.out()).toContain('phone_number +1…01');
    expect(cli.out()).not.toContain('4155550101');
  });

  it('has score and components of every exported record', async () => {
    const input = {
      listId: 'L1',
      campaignId: 'C1',
      source: { dataset: 'ds_1', map: { phone_number: 'Mobile' } },
    };
    const rows = [
      { Mobile: '+14155550101', last_contact_days: '10', engagement_rating: 'LOW' },
      { Mobile: '415', last_contact_days: '10', engagement_rating: 'LOW' },
    ];
    const columns = ['Mobile', 'last_contact_days', 'engagement_rating'];
    const source = { name: 'l.csv', format: 'csv', bytes: 1, sha256: 'x', columns };
    expect(await exportRows(rows, { input, source })).toEqual([
      'Mobile,last_contact_days,engagement_rating,cxflow_line,cxflow_outcome,cxflow_reasons,cxflow_score,cxflow_score_components',
      '+14155550101,10,LOW,2,pending,,50,base +50; last_contact_days below 14 +20; engagement_rating is LOW -20',
      '415,10,LOW,3,pending,,,',
    ]);
  });

  it('has until when every pending record waits for its hours, and why', async () => {
    const scoring = { column: 'score' };
    const input = {
      listId: 'L1',
      campaignId: 'C1',
      source: { dataset: 'ds_1' },
      scoring,
      callingHours: HOURS,
    };
    const columns = ['phone_number', 'time_zone', 'country', 'score'];
    const source = { name: 'l.csv', format: 'csv', bytes: 1, sha256: 'x', columns };
    const row = (phone_number: string, time_zone: string, more = {}) => ({
      ...{ phone_number, time_zone, country: '', score: '1' },
      ...more,
    });
    const rows = [
      row('+14155550161', 'America/Los_Angeles'),
      row('+12125550162', 'America/New_York'),
      row('+12125550164', 'EST'),
      row('+14155550166', 'Asia/Kolkata'),
      row('+14155550167', 'Australia/Lord_Howe'),
      row('+4930901820', '', { country: 'Germany' }),
      { ...row('+14155550168', 'America/Los_Angeles'), outcome: 'created' },
    ];
    const lines = await exportRows(rows, { input, source }, '2026-11-28T15:30:00Z');
    expect(lines.map((line) => line.split(',1,').at(-1))).toEqual([
      'phone_number,time_zone,country,score,cxflow_line,cxflow_outcome,cxflow_reasons,cxflow_score,cxflow_score_components,cxflow_not_before,cxflow_wait_reason',
      'score +1,2026-11-28T16:00:00.000Z,outside_calling_hours',
      'score +1,,',
      'score +1,,"time_zone_unknown (time_zone): Nobody can tell the time zone of the person (an abbreviation or an offset; write a name of the tz database, e.g. America/New_York)"',
      'score +1,2026-11-29T02:30:00.000Z,outside_calling_hours',
      'score +1,2026-11-28T21:00:00.000Z,outside_calling_hours',
      'score +1,,"time_zone_unknown (country): Nobody can tell the time zone of the person (country is no ISO 3166 code of a country, such as DE)"',
      'score +1,,',
    ]);
  });
});
