/**
 * A `Retry-After` of 0 and one of decades (bad-answers.test.ts has the other forms), how commands show a block, and how an
 * operator lifts it.
 */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { csv, rows } from './contacts.ts';
import { endOf, runIdIn, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

/** Each answer occurs once, in this order; only four, because the backoff doubles. The wait of the last is capped at a day. */
const ANSWERS: readonly FaultRule['fault'][] = [
  { status: 429, retryAfter: 'http-date-in-4' },
  { status: 429, retryAfter: '0' },
  { status: 503, retryAfter: '0' },
  { status: 429, retryAfter: '999999999' },
];
const match = { method: 'POST', family: 'contactlists' } as const;
const DAY_MS = 86_400_000;

interface Limits {
  readonly tenants: readonly {
    readonly tenant: string;
    readonly block: { readonly since: string; readonly until: string; readonly reason: string } | null;
  }[];
}

/** The block that lasts longer than an hour, if there is one. */
async function longBlock({ json }: Stand) {
  const { tenants } = (await json<Limits>(['limits'])).document;
  return tenants.find(
    ({ block }) => block && Date.parse(block.until) - Date.parse(block.since) > DAY_MS / 24,
  );
}

it('no Retry-After fails a run or causes a loop; commands show the block, and the run completes once it is lifted', async () => {
  const faults = ANSWERS.map((fault) => ({ match, times: 1, fault }));
  await onStand({ faults }, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 3)));
    const args = ['contacts', 'import', 'contacts.csv', '--list', 'L18', '--detach'];
    const started = await stand.cxflow(args);
    const runId = runIdIn(started.stdout);
    const watching = stand.start(['watch', runId, '--json']);

    const { tenant, block } = (await until(
      () => longBlock(stand),
      (found) => found !== undefined,
    )) as Limits['tenants'][number];
    expect(block?.reason).toMatch(/contactlists: POST .*\/L18\/records: rate limited \(429\)/);
    expect(Date.parse(block?.until ?? ''), 'end of the block, at most a day from now').toBeLessThanOrEqual(
      Date.now() + DAY_MS,
    );
    await expectBlockShown(stand, runId, tenant);

    const lifted = await stand.json(['limits', 'lift', '--by', 'dana', '--reason', 'a mistake']);
    expect(lifted).toMatchObject({ code: 0, document: { lifted: { tenant, reason: block?.reason } } });
    expect(await longBlock(stand)).toBeUndefined();
    expect((await stand.json(['limits', 'lift'])).document).toEqual({ lifted: null });

    const { code, stdout } = await endOf(watching);
    const result = JSON.parse(stdout) as ContactImportResult;
    expect({ code, counts: result.counts }).toEqual({
      code: 0,
      counts: { total: 3, pending: 0, created: 3 },
    });
    await stand.conserved(runId, { result });
    const journal = await stand.admin.journal({ list: 'L18' });
    expect(new Set(journal.map(({ requestId }) => requestId)).size, 'requests that created contacts').toBe(1);
    await expectWaitsRespected(stand);
    const audit = await until(
      () => stand.cxflow(['audit', '--run', `limits:${tenant}`]),
      (listed) => listed.stdout !== '',
    );
    expect(audit.stdout).toMatch(/block lifted +by dana, because a mistake/);
  });
});

async function expectBlockShown(stand: Stand, runId: string, tenant: string): Promise<void> {
  const [show, runs, doctor, limits, json, listed] = await Promise.all([
    stand.cxflow(['show', runId]),
    stand.cxflow(['runs']),
    stand.cxflow(['doctor']),
    stand.cxflow(['limits']),
    stand.json(['show', runId]),
    stand.json(['runs']),
  ]);
  for (const { stdout } of [show, runs, limits]) {
    expect(stdout).toMatch(/no request of .* leaves until \d{4}-/);
    expect(stdout).toMatch(/blocked until +\d{4}-.*\n +since +\d{4}-.*\n +because +.*rate limited \(429\)/);
    expect(stdout).toContain(`cxflow limits lift --tenant ${tenant}`);
  }
  expect(doctor.code, 'a block is a warning, not a problem').toBe(0);
  expect(doctor.stdout).toMatch(/warning +rate limit .*leaves until .*since .*429.*\n +→ .*cxflow limits/);
  const blocks = [{ tenant, reason: expect.stringContaining('429') as string }];
  for (const { document } of [json, listed]) expect(document).toMatchObject({ blocks });
}

/**
 * The first wait lasts until its date, the others at least the backoff of a second, so nothing is sent in a loop. The last
 * wait was lifted.
 */
async function expectWaitsRespected({ admin }: Stand): Promise<void> {
  const posts = (await admin.requests(1_000)).filter(
    ({ method, path }) => method === 'POST' && path.includes('/L18/'),
  );
  expect(posts.map(({ status }) => status)).toEqual([...ANSWERS.map(({ status }) => status), 200]);
  const times = posts.map(({ at }) => Date.parse(at));
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? 0));
  expect(gaps[0]).toBeGreaterThanOrEqual(3_000);
  for (const gap of gaps.slice(0, -1)) expect(gap).toBeGreaterThanOrEqual(900);
}
