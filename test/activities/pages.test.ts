import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CxoneForbidden,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneUnauthorized,
  CxoneUnavailable,
} from '../../src/cxone/errors.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { eventually } from '../harness/wait.ts';
import { ledgerOfFile, writesOf, phone, plannedRun, someId, upTo } from '../ledger/harness.ts';
import {
  CONTEXT,
  environment,
  fakeCxone,
  lostAnswer,
  nothingSent,
  perform,
  wholeOf,
  workerOf,
  writeAll,
} from './harness.ts';

const opened = ledgerOfFile();
afterEach(() => vi.restoreAllMocks());

const planned = (n: number, size = 10, more: object = {}): Promise<Run> =>
  plannedRun(opened().ledger, n, size, { listId: 'L1', source: { dataset: 'd' }, ...more });

const exact = (run: Run) => opened().ledger.runs.exactCounts(run.run_no);

async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}

async function evidences(run: Run) {
  const { rows } = await sql<{ outcome: string; evidence: string | null; n: string }>`
    select outcome, evidence, count(*) as n from outcomes where run_no = ${run.run_no}
    group by 1, 2 order by 1, 2`.execute(opened().database.db);
  return rows.map(({ outcome, evidence, n }) => [outcome, evidence, Number(n)]);
}

describe('a page', () => {
  it('sends each batch once and settles it', async () => {
    const run = await planned(25);
    const cxone = fakeCxone();
    const result = await workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run));
    const counts = { total: 25, pending: 0, created: 25 };
    expect(result).toEqual({ counts, left: 0, waitMs: 0, halted: null });
    expect(cxone.posts.map((ids) => ids.length).sort()).toEqual([10, 10, 5]);
    expect(new Set(cxone.creations).size).toBe(25);
  });

  it('whose line is too long keeps the places it has: pages that gave them up never came on', async () => {
    const run = await planned(1_000);
    const { ledger } = opened();
    const tenant = someId('tenant');
    const cxone = fakeCxone();
    // The line is nine seconds long; four requests a second fit behind it until ten, and 25 seconds' worth do not.
    await ledger.rateBudget.take(tenant, 250, 36, 1e9);
    const worker = workerOf(ledger, cxone.cxone, { tenant, ratePerMinute: 240, maxInFlight: 10 });
    const failure = await failureOf(worker.writePage(wholeOf(run)));
    expect(failure.type).toBe('RateLimited');
    expect(cxone.posts.length).toBeGreaterThan(0);
    expect(await exact(run)).toMatchObject({ created: 10 * cxone.posts.length });
  });

  it('does only the batches that it was given, and nothing the second time', async () => {
    const run = await planned(50);
    const cxone = fakeCxone();
    const worker = workerOf(opened().ledger, cxone.cxone);
    const page = { runId: run.run_id, fromBatch: 2, toBatch: 3 };
    expect((await worker.writePage(page)).counts).toEqual({ total: 50, pending: 30, created: 20 });
    await worker.writePage(page);
    expect(cxone.posts).toHaveLength(2);
  });

  it('settles an answer that was lost by CXone’s own duplicate check', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 1) throw lostAnswer();
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    const first = await worker.writePage(wholeOf(run));
    expect(first).toMatchObject({ left: 1, waitMs: 1_000, halted: null });
    expect(first.counts).toMatchObject({ pending: 10, created: 10 });
    expect(await worker.writePage(wholeOf(run))).toMatchObject({ left: 0 });
    expect(await evidences(run)).toEqual([
      ['created', 'own_write_lost_answer', 10],
      ['created', null, 10],
    ]);
    expect(new Set(cxone.creations).size).toBe(20);
  });

  it('sends again at once what certainly did not arrive, without a doubt', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw nothingSent();
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await worker.writePage(wholeOf(run))).toMatchObject({ left: 1, waitMs: 500 });
    await worker.writePage(wholeOf(run));
    expect(await evidences(run)).toEqual([['created', null, 20]]);
  });

  it('leaves the waiting to Temporal where CXone answers nothing at all, however little is left', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      after: (n) => {
        if (n < 3) throw lostAnswer();
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone);
    for (const _ of upTo(2)) {
      const failure = await failureOf(worker.writePage(wholeOf(run)));
      expect(failure).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    }
    expect(await worker.writePage(wholeOf(run))).toMatchObject({ left: 0 });
    expect(await evidences(run)).toEqual([['created', 'own_write_lost_answer', 10]]);
  });

  it.each([
    ['CredentialsRefused', new CxoneUnauthorized({ ...CONTEXT, status: 401 }, 'api')],
    ['ScopeMissing', new CxoneForbidden({ ...CONTEXT, status: 403 }, ['contactlists:write'])],
    ['NotFound', new CxoneNotFound({ ...CONTEXT, status: 404 })],
    ['Refused', new CxoneRefused({ ...CONTEXT, status: 405 })],
  ])('ends the run as %s, and keeps what is pending', async (type, error) => {
    const run = await planned(100);
    const cxone = fakeCxone({
      before: () => {
        throw error;
      },
    });
    const failure = await failureOf(workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run)));
    expect(failure).toMatchObject({ type, nonRetryable: true });
    expect(await exact(run)).toEqual({ total: 100, pending: 100 });
    const open = await writesOf(opened().ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
    // Once the credentials are right, it goes on.
    await writeAll(workerOf(opened().ledger, fakeCxone().cxone), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 100, pending: 0, created: 100 });
  });

  it('takes five answers that do not come in a row for an outage, and leaves it to Temporal to wait', async () => {
    const run = await planned(200);
    let requests = 0;
    const cxone = fakeCxone({
      before: () => {
        requests += 1;
        throw nothingSent();
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 2 });
    const failure = await failureOf(worker.writePage(wholeOf(run)));
    expect(failure).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    expect(requests).toBeLessThanOrEqual(6);
    expect(await exact(run)).toEqual({ total: 200, pending: 200 });
  });

  it('waits as long as a 503 asks for', async () => {
    const run = await planned(50);
    const cxone = fakeCxone({
      before: () => {
        throw new CxoneUnavailable({ ...CONTEXT, status: 503 }, 42_000, 'unknown');
      },
    });
    const failure = await failureOf(workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run)));
    expect(failure).toMatchObject({ type: 'CxoneUnavailable', nextRetryDelay: 42_000 });
    const open = await writesOf(opened().ledger, run);
    expect(open.filter(({ state }) => state === 'unanswered').length).toBeGreaterThanOrEqual(5);
  });

  it('isolates a record that makes the batch too large', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      before: (_, ids) => {
        if (ids.includes('c7')) throw new CxoneRefused({ ...CONTEXT, status: 413 });
      },
    });
    await writeAll(workerOf(opened().ledger, cxone.cxone), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, created: 9, rejected: 1 });
  });

  it('sends nothing of a write whose records are gone', async () => {
    const run = await planned(10);
    await sql`delete from records where run_no = ${run.run_no} and seq = 3`.execute(opened().database.db);
    const cxone = fakeCxone();
    const failure = await failureOf(workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run)));
    expect(failure).toMatchObject({ type: 'Bug', nonRetryable: true });
    expect(cxone.posts).toEqual([]);
  });
});

describe('a 429', () => {
  const limited = (retryAfterMs: number | null) =>
    new CxoneRateLimited({ ...CONTEXT, status: 429 }, retryAfterMs);

  it('with a long Retry-After ends the pages of all workers, and nobody sends meanwhile', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const tenant = someId('tenant');
    const run = await planned(200, 10);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw limited(60_000);
      },
    });
    const a = workerOf(ledger, cxone.cxone, { tenant, maxInFlight: 1 });
    const b = workerOf(other, cxone.cxone, { tenant, maxInFlight: 4 });
    for (const worker of [a, b]) {
      const failure = await failureOf(worker.writePage(wholeOf(run)));
      expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
      expect(Number(failure.nextRetryDelay)).toBeGreaterThan(50_000);
    }
    expect(cxone.posts).toEqual([]);
    const open = await writesOf(ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
    await other.close();
  });

  it('with a short one is waited out in the page; no request leaves within it', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const tenant = someId('tenant');
    const run = await planned(120, 10);
    let refusedAt = 0;
    const cxone = fakeCxone({
      before: (n) => {
        if (n !== 3) return;
        refusedAt = performance.now();
        throw limited(700);
      },
    });
    const workers = [ledger, other].map((mine) => workerOf(mine, cxone.cxone, { tenant, maxInFlight: 1 }));
    await Promise.all(workers.map((worker) => worker.writePage(wholeOf(run))));
    for (const worker of workers) await writeAll(worker, wholeOf(run));
    expect(await exact(run)).toEqual({ total: 120, pending: 0, created: 120 });
    // The other worker may send until the ledger knows of the 429: a request or two, and not a hundred.
    const within = cxone.sentAt.filter((at) => at > refusedAt && at < refusedAt + 690);
    expect(within.length).toBeLessThanOrEqual(5);
    await other.close();
  });

  it('to everything is an outage: the page fails, so that Temporal waits without a growing history', async () => {
    const run = await planned(30, 10);
    const cxone = fakeCxone({
      before: () => {
        throw limited(10);
      },
    });
    const failure = await failureOf(workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run)));
    expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false });
    expect(await exact(run)).toEqual({ total: 30, pending: 30 });
  });

  it('without Retry-After backs off', async () => {
    const run = await planned(30, 10);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw limited(null);
      },
    });
    const tenant = someId('tenant');
    await writeAll(workerOf(opened().ledger, cxone.cxone, { tenant, maxInFlight: 1 }), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 30, pending: 0, created: 30 });
    const [first = 0] = cxone.sentAt;
    expect(first).toBeGreaterThan(0);
  });

  it('in the middle of many updates keeps those that are done', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const tenant = someId('tenant');
    const cxone = fakeCxone(
      {
        before: (n) => {
          // Every third request: a CXone that lets only two through at a time.
          if (n % 3 === 0) throw limited(20);
        },
      },
      new Set(upTo(10).map((seq) => `c${seq}`)),
    );
    await writeAll(workerOf(opened().ledger, cxone.cxone, { tenant }), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, updated: 10 });
    expect(cxone.puts).toEqual(upTo(10).map((seq) => `c${seq}`));
  });
});

describe('updates of which every fourth is lost', () => {
  it('are no outage: each answer between them counts, and the page goes on', async () => {
    const run = await planned(60, 30, { existing: 'update' });
    const cxone = fakeCxone(
      {
        before: (n) => {
          if (n > 2 && n % 4 === 0) throw lostAnswer();
        },
      },
      new Set(upTo(60).map((seq) => `c${seq}`)),
    );
    const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 2 });
    await writeAll(worker, wholeOf(run));
    expect(await exact(run)).toEqual({ total: 60, pending: 0, updated: 60 });
  });
});

describe('steering', () => {
  it.each(['paused', 'stopped'] as const)('a %s run sends nothing', async (steering) => {
    const run = await planned(50);
    const cxone = fakeCxone();
    await opened().ledger.runs.steer(run.run_no, steering);
    const result = await workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run));
    expect(result).toMatchObject({ halted: steering, left: 5 });
    expect(cxone.posts).toEqual([]);
  });

  it('what is in flight when a run is stopped is settled, and nothing follows', async () => {
    const run = await planned(100);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n === 2) await opened().ledger.runs.steer(run.run_no, 'stopped');
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await worker.writePage(wholeOf(run))).toMatchObject({ halted: 'stopped', left: 8 });
    expect(await exact(run)).toEqual({ total: 100, pending: 80, created: 20 });
  });

  it('a cancelled activity settles what is in flight and returns', async () => {
    const run = await planned(100);
    const env = environment();
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 3) env.cancel();
      },
    });
    const { activities } = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await perform(() => activities.writePage(wholeOf(run)), env)).toMatchObject({
      halted: 'cancelled',
      left: 7,
    });
    expect(await exact(run)).toEqual({ total: 100, pending: 70, created: 30 });
  });

  it('an activity that was cancelled before it began sends nothing', async () => {
    const run = await planned(10);
    const env = environment();
    const cxone = fakeCxone();
    env.cancel();
    const { activities } = workerOf(opened().ledger, cxone.cxone);
    expect(await perform(() => activities.writePage(wholeOf(run)), env)).toMatchObject({
      halted: 'cancelled',
    });
    expect(cxone.posts).toEqual([]);
  });

  it('a stop in the middle of many updates settles those that are done', async () => {
    const run = await planned(10, 10, { existing: 'update' });
    const env = environment();
    const cxone = fakeCxone(
      {
        after: (n) => {
          if (n === 4) env.cancel();
        },
      },
      new Set(upTo(10).map((seq) => `c${seq}`)),
    );
    const worker = workerOf(opened().ledger, cxone.cxone);
    expect(await perform(() => worker.activities.writePage(wholeOf(run)), env)).toMatchObject({ left: 1 });
    expect(await exact(run)).toEqual({ total: 10, pending: 7, updated: 3 });
    await writeAll(worker, wholeOf(run));
    expect(cxone.puts).toHaveLength(10);
  });

  it('a worker that drains claims nothing more and waits for what is in flight', async () => {
    const run = await planned(100);
    const worker = workerOf(
      opened().ledger,
      fakeCxone({
        before: async (n) => {
          if (n === 2) worker.draining.abort();
          await new Promise((resolve) => setTimeout(resolve, 50));
        },
      }).cxone,
      { maxInFlight: 3 },
    );
    const result = await worker.writePage(wholeOf(run));
    expect(result.halted).toBe('draining');
    expect(result.counts.pending).toBeGreaterThanOrEqual(70);
    const open = await writesOf(opened().ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
  });

  it('does not wait for ever for an answer when it drains; the late one is still settled', async () => {
    const run = await planned(10);
    let answer: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const after = () => {
      worker.draining.abort();
      return late;
    };
    const worker = workerOf(opened().ledger, fakeCxone({ after }).cxone);
    expect(await worker.writePage(wholeOf(run))).toMatchObject({ halted: 'draining', left: 1 });
    answer();
    await eventually(async () => expect(await exact(run)).toMatchObject({ created: 10 }));
  });
});

describe('where CXone does not refuse duplicates', () => {
  const trusting = { duplicatesRefused: false };

  it('a batch whose answer was lost is in doubt, and never sent again without a word', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 1) throw lostAnswer();
      },
    });
    const worker = workerOf(opened().ledger, cxone.cxone, { ...trusting, maxInFlight: 1 });
    expect(await writeAll(worker, wholeOf(run))).toMatchObject({ left: 0 });
    expect(await exact(run)).toEqual({ total: 20, pending: 0, created: 10, in_doubt: 10 });
    expect(cxone.posts).toHaveLength(2);
    expect(await opened().ledger.writes.listInDoubt(run.run_no)).toMatchObject([{ batch: 1, records: 10 }]);
  });

  it('so is one whose lease ran out', async () => {
    const run = await planned(10);
    const [write] = await writesOf(opened().ledger, run);
    await opened().ledger.writes.claim({
      runNo: run.run_no,
      id: write?.id ?? '',
      leaseMs: 0,
      holder: 'a worker that died',
      tenant: 't',
    });
    const cxone = fakeCxone();
    await writeAll(workerOf(opened().ledger, cxone.cxone, trusting), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
    expect(cxone.posts).toEqual([]);
  });

  it('so are the halves of a 200 that created too few; a person’s word sends them', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      answer: (n) =>
        n === 1
          ? { kind: 'created', status: 200, recordsCreated: 9, named: [], notes: [], requestId: 'q' }
          : undefined,
    });
    const worker = workerOf(opened().ledger, cxone.cxone, trusting);
    await writeAll(worker, wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, in_doubt: 10 });
    expect(cxone.posts).toHaveLength(1);
    await opened().ledger.writes.resolve({ runNo: run.run_no, verdict: 'resend', id: null });
    await writeAll(worker, wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, created: 10 });
  });

  it('halves of what was refused as a whole are sent, for nothing was applied', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      answer: (_, ids) =>
        ids.includes('c4')
          ? { kind: 'refused', status: 400, message: 'no', named: [], notes: [], requestId: 'q' }
          : undefined,
    });
    await writeAll(workerOf(opened().ledger, cxone.cxone, trusting), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 10, pending: 0, created: 9, rejected: 1 });
  });

  it('updates are repeated all the same: a PUT puts the same into the same place', async () => {
    const run = await planned(4, 10, { existing: 'update' });
    const cxone = fakeCxone(
      {
        after: (n) => {
          if (n === 3) throw lostAnswer();
        },
      },
      new Set(['c1', 'c2', 'c3', 'c4']),
    );
    await writeAll(workerOf(opened().ledger, cxone.cxone, trusting), wholeOf(run));
    expect(await exact(run)).toEqual({ total: 4, pending: 0, updated: 4 });
  });
});

describe('the fence', () => {
  it.each(['wall clock', 'monotonic clock'])(
    'stops the request of a worker that slept between claim and socket (%s)',
    async (clock) => {
      const run = await planned(10);
      const slept = 6_000;
      const cxone = fakeCxone({
        before: (n) => {
          if (n !== 1) return;
          const [wall, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
          if (clock === 'wall clock') vi.spyOn(Date, 'now').mockImplementation(() => wall() + slept);
          else vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + slept);
        },
      });
      const worker = workerOf(opened().ledger, cxone.cxone);
      expect(await worker.writePage(wholeOf(run))).toMatchObject({ left: 1 });
      expect(cxone.posts).toEqual([]);
      vi.restoreAllMocks();
      await writeAll(worker, wholeOf(run));
      expect(await evidences(run)).toEqual([['created', null, 10]]);
    },
  );

  it('lets two workers on the same page write every record once', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 8);
    const run = await planned(300, 10);
    const cxone = fakeCxone();
    const workers = [ledger, other].map((mine) => workerOf(mine, cxone.cxone));
    await Promise.all(workers.map((worker) => worker.writePage(wholeOf(run))));
    expect(await exact(run)).toEqual({ total: 300, pending: 0, created: 300 });
    expect(cxone.posts).toHaveLength(30);
    await other.close();
  });

  it('keeps the answer of a worker that lost its lease as a late one, and settles by the new holder’s', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n !== 1) return;
        await sql`update writes set lease_until = clock_timestamp() where run_no = ${run.run_no}`.execute(
          opened().database.db,
        );
        await workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run));
      },
    });
    await workerOf(opened().ledger, cxone.cxone).writePage(wholeOf(run));
    expect(await evidences(run)).toEqual([['created', 'own_write_lost_answer', 10]]);
    const write = await opened()
      .database.db.selectFrom('writes')
      .selectAll()
      .where('run_no', '=', run.run_no)
      .executeTakeFirstOrThrow();
    expect(write.late_answers).toMatchObject([{ fence: 1, httpStatus: 200, counts: { created: 10 } }]);
  });
});

describe('a ledger that goes away', () => {
  it('ends the page in a passing failure at any moment, and no record is lost or written twice', async () => {
    const { url, database } = opened();
    const ledger = openLedger(url, 8);
    const run = await planned(600, 10);
    const cxone = fakeCxone({
      after: async (n) => {
        if (n % 7 !== 0 || n > 60) return;
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`.execute(database.db);
      },
    });
    const worker = workerOf(ledger, cxone.cxone, { maxInFlight: 4 });
    let failures = 0;
    for (let pass = 0; pass < 60; pass += 1) {
      // As if the leases of the pass before had run out.
      await sql`update writes set lease_until = clock_timestamp()
        where run_no = ${run.run_no} and state = 'sending'`.execute(database.db);
      const result = await worker.writePage(wholeOf(run)).catch((error: unknown) => {
        failures += 1;
        expect(error).toMatchObject({ type: 'LedgerUnavailable', nonRetryable: false });
        return null;
      });
      if (result?.left === 0) break;
    }
    expect(failures).toBeGreaterThan(0);
    expect(await exact(run)).toEqual({ total: 600, pending: 0, created: 600 });
    expect(cxone.creations).toHaveLength(600);
    expect(new Set(cxone.creations).size).toBe(600);
    await ledger.close();
  });
});

it('no failure, log line or audit entry of a page holds a row’s value', async () => {
  const run = await planned(20);
  const cxone = fakeCxone({
    after: (n) => {
      throw n === 1 ? new TypeError(`cannot read c1 ${phone(1)}`) : lostAnswer();
    },
  });
  const worker = workerOf(opened().ledger, cxone.cxone, { maxInFlight: 1 });
  const failure = await failureOf(worker.writePage(wholeOf(run)));
  expect(failure.message).not.toContain('1415555');
  expect(failure.type).toBe('Bug');
  const { rows } = await sql`select data from audit_pending where run_id = ${run.run_id}`.execute(
    opened().database.db,
  );
  expect(JSON.stringify(rows)).not.toContain('1415555');
});
