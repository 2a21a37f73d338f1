import { expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { PurgeRequest, PurgeScope } from '../../src/ledger/retention/purges.ts';
import { fakeRun } from '../harness/fake-run.ts';
import { fakeCli } from './fakes.ts';

const RESULT = { runs: 2, records: 4_000, events: 40, datasets: 1, snapshots: 0, checkedRows: 0, kept: [] };

async function purgeWith(args: readonly string[], more: { answer?: string; kept?: readonly object[] } = {}) {
  const scopes: PurgeScope[] = [];
  const requests: PurgeRequest[] = [];
  const result = { ...RESULT, kept: more.kept ?? [] };
  const purges = {
    preview: (scope: PurgeScope) => Promise.resolve(result).finally(() => scopes.push(scope)),
    purge: (request: PurgeRequest) => Promise.resolve(result).finally(() => requests.push(request)),
  };
  const { answer } = more;
  const ask = answer === undefined ? {} : { ask: () => Promise.resolve(answer) };
  const cli = fakeCli({ ledger: { purges } as unknown as Ledger }, ask);
  const code = await run(['purge', ...args], cli);
  return { code, scopes, requests, out: cli.out(), err: cli.err() };
}

it('deletes what is older than the period, and says what', async () => {
  const { code, requests, out } = await purgeWith(['--older-than', '30d', '--yes', '--requested-by', 'cron']);
  expect(code).toBe(0);
  expect(requests).toMatchObject([{ requestedBy: 'cron', withUndelivered: false }]);
  const days = (Date.now() - (requests[0]?.before.getTime() ?? 0)) / 86_400_000;
  expect(Math.round(days)).toBe(30);
  expect(out).toContain('4,000 records and 40 events of 2 runs, 1 file');
});

it('asks on a terminal, and deletes nothing unless the answer is yes', async () => {
  const period = ['--older-than', '2 weeks'];
  expect(await purgeWith(period, { answer: 'n' })).toMatchObject({ code: 4, requests: [] });
  const confirmed = await purgeWith(period, { answer: 'yes' });
  expect([confirmed.code, confirmed.requests.length, confirmed.scopes.length]).toEqual([0, 1, 1]);
});

it('prints one document with --json if the answer is no: what would have been deleted', async () => {
  const { code, out } = await purgeWith(['--older-than', '30d', '--json'], { answer: 'n' });
  expect(code).toBe(4);
  expect(JSON.parse(out)).toMatchObject({ ...RESULT, dryRun: true });
});

it('only shows what it would delete with --dry-run', async () => {
  const { code, requests, out } = await purgeWith(['--older-than', '30d', '--dry-run', '--json']);
  expect({ code, requests }).toEqual({ code: 0, requests: [] });
  expect(JSON.parse(out)).toMatchObject({ runs: 2, records: 4_000, dryRun: true });
});

it('names runs that are kept and why, with exit code 3', async () => {
  const kept = [{ runId: 'r7', why: 'unanswered_writes' }];
  const { code, out } = await purgeWith(['--older-than', '30d', '--yes'], { kept });
  expect(code).toBe(3);
  expect(out).toMatch(/kept: 1 run.*\n.*r7: requests were never answered: start the run again/);
});

it.each([
  [['--older-than', '30d'], /cannot be undone.*--yes.*--dry-run/],
  [['--older-than', '1h', '--yes'], /--older-than must be at least 1d/],
  [['--older-than', 'soon', '--yes'], /--older-than must be a duration such as/],
  [['--yes'], /required option '--older-than <duration>'/],
])('refuses %j', async (args, message) => {
  const { code, requests, err } = await purgeWith(args);
  expect({ code, requests }).toEqual({ code: 2, requests: [] });
  expect(err).toMatch(message);
});

it('is what records says about a purged run', async () => {
  const purged = fakeRun({ run_id: 'r1', state: 'completed', purged_at: new Date('2026-04-01T03:00:00Z') });
  const ledger = { runs: { find: () => Promise.resolve(purged) } } as unknown as Ledger;
  const cli = fakeCli({ ledger });
  expect(await run(['records', 'r1'], cli)).toBe(2);
  expect(cli.err()).toMatch(/records of run r1 were purged on 2026-04-01.*[^]*cxflow show r1/);
});
