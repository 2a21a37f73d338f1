import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { listLoadFacts, listLoadFigures } from '../../src/cli/render/list-load-facts.ts';
import type { ListLoadFigures } from '../../src/contract/list-load.ts';
import { type FakeState, fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-list-load-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const LOAD = ['list', 'load', 'leads.csv', '--list', 'L1', '--campaign', 'C1', '--detach'];
const HOURS = {
  defaultRegion: 'US',
  regions: [
    { region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from: '08:00', to: '21:00' }] },
  ],
};
type Loads = NonNullable<FakeState['loads']>;

describe('list load', () => {
  it('passes every option on as the input field of the same name', async () => {
    const loads: Loads = [];
    const scoring = { base: 0, rules: [{ field: 'plan', equals: 'gold', add: 10 }] };
    const options = [
      ...['--id', 'r7', '--deduplicate-by', 'phone_number, phone2', '--deduplicate-by', 'email', '--fit'],
      ...['--scoring', await fileWith('scoring.json', scoring)],
      ...['--schema', await fileWith('schema.json', { required: ['plan'] })],
      ...['--calling-hours', await fileWith('hours.json', HOURS), '--outside-hours', 'reject'],
      ...[
        '--suppress',
        'dnc.csv',
        '--accept-suppressions',
        '3f9a0c1d',
        '--dry-run',
        '--again',
        '--requested-by',
        'sam',
      ],
    ];
    expect(await run([...LOAD, ...options], fakeCli(fakeSession({ loads })))).toBe(0);
    expect(loads).toEqual([
      {
        options: { runId: 'r7' },
        input: {
          listId: 'L1',
          campaignId: 'C1',
          source: { dataset: 'ds_1' },
          deduplicateBy: ['phone_number', 'phone2', 'email'],
          scoring,
          schema: { required: ['plan'] },
          fit: true,
          callingHours: HOURS,
          outsideHours: 'reject',
          suppress: 'ds_1',
          acceptSuppressions: '3f9a0c1d',
          dryRun: true,
          again: true,
          requestedBy: 'sam',
        },
      },
    ]);
  });

  it('takes the score from a column', async () => {
    const loads: Loads = [];
    await run([...LOAD, '--score-column', 'score'], fakeCli(fakeSession({ loads })));
    expect(loads[0]?.input.scoring).toEqual({ column: 'score' });
  });

  it('checks the columns by the rules of this very run', async () => {
    const staged: NonNullable<FakeState['staged']> = [];
    const rules = ['--score-column', 'score', '--deduplicate-by', 'account'];
    await run([...LOAD, ...rules], fakeCli(fakeSession({ staged })));
    const problems = (columns: readonly string[] | null) => staged[0]?.columnProblems?.(columns, {});
    expect(problems(['Account', 'SCORE'])).toEqual([]);
    expect(problems(['phone'])).toEqual([
      expect.stringMatching(/^No column for account\. The columns are: "phone"/),
      expect.stringMatching(/^No column for score\b/),
    ]);
    expect(problems(null)).toEqual([]);
  });

  it('retries with the target and the rules of the earlier run, unless others are given', async () => {
    const loads: Loads = [];
    const input = { listId: 'L9', campaignId: 'C9', scoring: { column: 'score' }, fit: true, approval: true };
    const retry = ['list', 'load', '--retry-of', 'r0', '--detach'];
    const session = () => fakeSession({ loads, run: finished({ kind: 'listLoad', target: 'L9', input }) });
    await run(retry, fakeCli(session()));
    await run([...retry, '--score-column', 'rank', '--campaign', 'C2'], fakeCli(session()));
    expect(loads.map((load) => load.input)).toMatchObject([
      { listId: 'L9', campaignId: 'C9', scoring: { column: 'score' }, fit: true, source: { retryOf: 'r0' } },
      { listId: 'L9', campaignId: 'C2', scoring: { column: 'rank' }, fit: true },
    ]);
    expect(loads[0]?.input).not.toHaveProperty('approval');
  });

  it('retries with something else to do outside the hours of the earlier run, if that had any', async () => {
    const loads: Loads = [];
    const input = { campaignId: 'C9', callingHours: HOURS };
    const retry = ['list', 'load', '--retry-of', 'r0', '--detach', '--outside-hours', 'reject'];
    const earlier = (of: object) =>
      fakeSession({ loads, run: finished({ kind: 'listLoad', target: 'L9', input: of }) });
    expect(await run(retry, fakeCli(earlier(input)))).toBe(0);
    const cli = fakeCli(earlier({ campaignId: 'C9' }));
    expect(await run(retry, cli)).toBe(2);
    expect(cli.err()).toContain('--outside-hours needs --calling-hours FILE.json');
    expect(loads.map((load) => load.input)).toMatchObject([{ callingHours: HOURS, outsideHours: 'reject' }]);
  });

  it.each([
    [['list', 'load', 'f.csv'], 'add --list ID and --campaign ID'],
    [['list', 'load', 'f.csv', '--list', 'L1'], 'add --campaign ID'],
    [['list', 'load', '--list', 'L1'], 'give either a FILE to load or --retry-of RUN'],
    [
      [...LOAD, '--scoring', 's.json', '--score-column', 'x'],
      '--scoring and --score-column exclude each other',
    ],
    [[...LOAD, '--outside-hours', 'wait'], '--outside-hours needs --calling-hours FILE.json'],
    [[...LOAD, '--deduplicate-by', 'a,,b'], 'It must be names separated by commas'],
    [[...LOAD, '--notify', 'run'], "unknown option '--notify'"],
    [[...LOAD, '--scoring', '/nowhere/s.json'], '/nowhere/s.json: the file cannot be read'],
  ])('%j is refused with what to do', async (line, message) => {
    const cli = fakeCli(fakeSession({}));
    expect(await run(line, cli)).toBe(2);
    expect(cli.err()).toContain(message);
  });

  it('names the file and the position of every mistake in it', async () => {
    const scoring = await fileWith('wrong-scoring.json', { base: 0, rules: [{ field: 'plan', add: '5' }] });
    const schema = await fileWith('wrong-schema.json', { allow: [] });
    const hours = await fileWith('wrong-hours.json', { ...HOURS, defaultRegion: 'FR' });
    const cli = fakeCli(fakeSession({}));
    const files = ['--scoring', scoring, '--schema', schema, '--calling-hours', hours];
    expect(await run([...LOAD, ...files], cli)).toBe(2);
    expect(cli.err()).toContain(`${scoring}: scoring.rules[0].add must be a number`);
    expect(cli.err()).toContain(`${schema}: schema.allow is unknown`);
    expect(cli.err()).toContain(`${hours}: callingHours.defaultRegion is the region of no entry`);
  });
});

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
  suppressions: { hash: '3f9a0c1d2e4b5a67', entries: 100_000, unidentified: 2 },
  suppressed: [
    { list: 'cxone', by: 'phone number', n: 12 },
    { list: 'own', by: 'contact id', n: 1 },
  ],
  scores: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
};

describe('what a list load shows', () => {
  it('is capacity, suppressions by kind, and the scores of what is loaded', () => {
    const { facts, histogram } = listLoadFigures(FIGURES);
    expect(facts).toEqual([
      ['capacity', '1,000 → 1,250 of 5,000, 300 more reserved by other runs'],
      [
        'suppression list',
        '100,000 entries, 2 of which identify nobody or cannot be read in full, hash 3f9a0c1d2e4b…',
      ],
      ['suppressed', '12 by phone number, on the suppression list'],
      ['suppressed', '1 by contact id, on our own list'],
    ]);
    expect(histogram.bars.map(({ label, n }) => `${label}: ${n}`)).toEqual([
      ...['below 10: 0', '10 to 20: 1', '20 to 30: 2', '30 to 40: 3', '40 to 50: 4', '50 to 60: 5'],
      ...['60 to 70: 6', '70 to 80: 7', '80 to 90: 8', '90 and more: 9'],
    ]);
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
      ['duplicates', '33.33% of 3 rows'],
      ['throughput', '12.0 records a minute'],
    ]);
    expect(listLoadFacts({ ...result, dryRun: true })).toEqual([['duplicates', '33.33% of 3 rows']]);
  });

  it('is in the plan, with masked samples of the first records', async () => {
    const plan = { hash: 'p1', total: 9, toWrite: 5, invalid: 0, duplicate: 0, batches: 1, figures: FIGURES };
    const session = fakeSession({ run: finished({ kind: 'listLoad', plan, dry_run: true }) });
    const records = [{ fields: [{ name: 'phone_number', value: '+14155550101' }] }];
    const ledger = { ...session.ledger, reports: { samples: () => Promise.resolve(records) } };
    const cli = fakeCli({ ...session, ledger: ledger as unknown as NonNullable<typeof session.ledger> });
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('1,000 → 1,250 of 5,000');
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
      'score +1,,"time_zone_unknown (time_zone): an abbreviation or an offset; write a name of the tz database, e.g. America/New_York"',
      'score +1,2026-11-29T02:30:00.000Z,outside_calling_hours',
      'score +1,2026-11-28T21:00:00.000Z,outside_calling_hours',
      'score +1,,"time_zone_unknown (country): country is no ISO 3166 code of a country, such as DE"',
      'score +1,,',
    ]);
  });
});

describe('list show', () => {
  it('lists the loads of a list, and says so if there are none', async () => {
    const input = { listId: 'L1', campaignId: 'C7' };
    const counts = { total: 10, pending: 0, created: 5, existing: 1, duplicate: 2, suppressed: 2 };
    const cli = fakeCli(fakeSession({ run: finished({ kind: 'listLoad', target: 'L1', input }), counts }));
    expect(await run(['list', 'show', 'L1'], cli)).toBe(0);
    expect(cli.out()).toMatch(/r1 +completed +C7 +10 +6 +2 +2 +0 +2026/);
    const none = fakeCli(fakeSession({}));
    expect(await run(['list', 'show', 'L1'], none)).toBe(0);
    expect(none.out()).toContain('cxflow has not loaded list L1 yet');
  });
});
