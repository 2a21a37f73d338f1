import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
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
    [[...LOAD, '--scoring', '/nowhere/s.json'], '/nowhere/s.json: there is no such file'],
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
