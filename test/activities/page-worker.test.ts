import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import {
  CxoneForbidden,
  CxoneNotFound,
  CxoneRefused,
  CxoneUnauthorized,
  CxoneUnavailable,
} from '../../src/cxone/errors.ts';
import { describeError } from '../../src/worker/log.ts';
import { ledgerOfFile, phone, someId, upTo, writesOf } from '../ledger/harness.ts';
import {
  allBatches,
  CONTEXT,
  createWorker,
  fakeCxone,
  lostAnswer,
  nothingSent,
  writeAll,
} from './harness.ts';
import { getFailure, pageHelpers } from './pages.ts';

const opened = ledgerOfFile();
const { planned, countExactly, countEvidence } = pageHelpers(opened);

describe('a page', () => {
  it('sends each batch once and settles it', async () => {
    const run = await planned(25);
    const cxone = fakeCxone();
    const result = await createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run));
    const counts = { total: 25, pending: 0, created: 25 };
    expect(result).toEqual({ counts, left: 0, waitMs: 0, halted: null, claims: 3 });
    expect(cxone.posts.map((ids) => ids.length).sort()).toEqual([10, 10, 5]);
    expect(new Set(cxone.creations).size).toBe(25);
  });

  it('uses the permits it has before it gives up a long wait, or it would never make progress', async () => {
    const run = await planned(1_000);
    const { ledger } = opened();
    const tenant = someId('tenant');
    const cxone = fakeCxone();
    // The next permit is nine seconds away. At four a second, a few more become due within the ten seconds of a page, but
    // not a hundred.
    await ledger.rateBudget.take(tenant, 250, 36, 1e9);
    const worker = createWorker(ledger, cxone.cxone, { tenant, ratePerMinute: 240, maxInFlight: 10 });
    const failure = await getFailure(worker.writePage(allBatches(run)));
    expect(failure.type).toBe('RateLimited');
    expect(cxone.posts.length).toBeGreaterThan(0);
    expect(await countExactly(run)).toMatchObject({ created: 10 * cxone.posts.length });
  });

  it('writes only its own batches, and nothing when it is repeated', async () => {
    const run = await planned(50);
    const cxone = fakeCxone();
    const worker = createWorker(opened().ledger, cxone.cxone);
    const page = { runId: run.run_id, fromBatch: 2, toBatch: 3 };
    expect((await worker.writePage(page)).counts).toEqual({ total: 50, pending: 30, created: 20 });
    await worker.writePage(page);
    expect(cxone.posts).toHaveLength(2);
  });

  it('settles a lost answer by CXone’s duplicate check', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      after: (n) => {
        if (n === 1) throw lostAnswer();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    const first = await worker.writePage(allBatches(run));
    expect(first).toMatchObject({ left: 1, waitMs: 1_000, halted: null });
    expect(first.counts).toMatchObject({ pending: 10, created: 10 });
    expect(await worker.writePage(allBatches(run))).toMatchObject({ left: 0 });
    expect(await countEvidence(run)).toEqual([
      ['created', null, 10],
      ['existing', 'own_write_or_existing', 10],
    ]);
    expect(new Set(cxone.creations).size).toBe(20);
  });

  it.each([
    [400, ['existing', 'own_write_or_existing', 1], ['refused', 'own_write_or_existing']],
    [404, ['rejected', null, 1], ['record_gone']],
  ])(
    'of a contact that we may have added, a %i to its update does not hide it',
    async (status, known, codes) => {
      const run = await planned(1, 1, { existing: 'update' });
      const { cxone } = fakeCxone({
        after: (n) => {
          if (n === 1) throw lostAnswer();
        },
      });
      const contactLists = {
        ...cxone.contactLists,
        updateRecord: () => Promise.resolve({ kind: 'refused', status, message: 'no', named: [] } as const),
      };
      const worker = createWorker(opened().ledger, { ...cxone, contactLists });
      await worker.writePage(allBatches(run)).catch(() => undefined);
      await worker.writePage(allBatches(run));
      expect(await countEvidence(run)).toEqual([known]);
      for await (const { reasons } of opened().ledger.records.list(run.run_no))
        expect(reasons.map(({ code }) => code)).toEqual(codes);
    },
  );

  it('sends a request again that certainly did not arrive', async () => {
    const run = await planned(20);
    const cxone = fakeCxone({
      before: (n) => {
        if (n === 1) throw nothingSent();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 1 });
    expect(await worker.writePage(allBatches(run))).toMatchObject({ left: 1, waitMs: 500 });
    await worker.writePage(allBatches(run));
    expect(await countEvidence(run)).toEqual([['created', null, 20]]);
  });

  it('fails, so that Temporal waits, if CXone answers nothing at all', async () => {
    const run = await planned(10);
    const cxone = fakeCxone({
      after: (n) => {
        if (n < 3) throw lostAnswer();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone);
    for (const _ of upTo(2)) {
      const failure = await getFailure(worker.writePage(allBatches(run)));
      expect(failure).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    }
    expect(await worker.writePage(allBatches(run))).toMatchObject({ left: 0 });
    expect(await countEvidence(run)).toEqual([['existing', 'own_write_or_existing', 10]]);
  });

  it.each([
    ['CredentialsRefused', new CxoneUnauthorized({ ...CONTEXT, status: 401 }, 'api')],
    ['ScopeMissing', new CxoneForbidden({ ...CONTEXT, status: 403 }, ['contactlists:write'])],
    ['NotFound', new CxoneNotFound({ ...CONTEXT, status: 404 })],
    ['Refused', new CxoneRefused({ ...CONTEXT, status: 405 })],
  ])('fails the run as %s, and keeps its records pending', async (type, error) => {
    const run = await planned(100);
    const cxone = fakeCxone({
      before: () => {
        throw error;
      },
    });
    const failure = await getFailure(createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run)));
    expect(failure).toMatchObject({ type, nonRetryable: true });
    expect(await countExactly(run)).toEqual({ total: 100, pending: 100 });
    const open = await writesOf(opened().ledger, run);
    expect(new Set(open.map(({ state }) => state))).toEqual(new Set(['planned']));
    // It continues once the cause is removed.
    await writeAll(createWorker(opened().ledger, fakeCxone().cxone), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 100, pending: 0, created: 100 });
  });

  it('treats five requests in a row without an answer as an outage and fails, so that Temporal waits', async () => {
    const run = await planned(200);
    let requests = 0;
    const cxone = fakeCxone({
      before: () => {
        requests += 1;
        throw nothingSent();
      },
    });
    const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 2 });
    const failure = await getFailure(worker.writePage(allBatches(run)));
    expect(failure).toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    expect(requests).toBeLessThanOrEqual(6);
    expect(await countExactly(run)).toEqual({ total: 200, pending: 200 });
  });

  it('is retried after the time that a 503 asks for', async () => {
    const run = await planned(50);
    const cxone = fakeCxone({
      before: () => {
        throw new CxoneUnavailable({ ...CONTEXT, status: 503 }, 42_000, 'unknown');
      },
    });
    const failure = await getFailure(createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run)));
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
    await writeAll(createWorker(opened().ledger, cxone.cxone), allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 10, pending: 0, created: 9, rejected: 1 });
  });

  it('sends nothing of a write that has lost records', async () => {
    const run = await planned(10);
    await sql`delete from records where run_no = ${run.run_no} and seq = 3`.execute(opened().database.db);
    const cxone = fakeCxone();
    const failure = await getFailure(createWorker(opened().ledger, cxone.cxone).writePage(allBatches(run)));
    expect(failure).toMatchObject({ type: 'Bug', nonRetryable: true });
    expect(cxone.posts).toEqual([]);
  });
});

describe('updates whose every fourth answer is lost', () => {
  it('are not an outage, because of the answers in between, and the page continues', async () => {
    const run = await planned(60, 30, { existing: 'update' });
    const cxone = fakeCxone(
      {
        before: (n) => {
          if (n > 2 && n % 4 === 0) throw lostAnswer();
        },
      },
      new Set(upTo(60).map((seq) => `c${seq}`)),
    );
    const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 2 });
    await writeAll(worker, allBatches(run));
    expect(await countExactly(run)).toEqual({ total: 60, pending: 0, updated: 60 });
  });
});

it('no failure, log entry or audit entry of a page contains a value of a row', async () => {
  const run = await planned(20);
  const cxone = fakeCxone({
    after: (n) => {
      throw n === 1 ? new TypeError(`cannot read c1 ${phone(1)}`) : lostAnswer();
    },
  });
  const worker = createWorker(opened().ledger, cxone.cxone, { maxInFlight: 1 });
  const failure = await getFailure(worker.writePage(allBatches(run)));
  expect(failure.message).not.toContain('1415555');
  expect(failure.type).toBe('Bug');
  // The original error quotes the row, but the log gets only what describeError lets through.
  expect(worker.errors).toEqual([
    expect.objectContaining({ message: expect.stringContaining('1415555') as string }),
  ]);
  expect(JSON.stringify(worker.errors.map(describeError))).not.toContain('1415555');
  const { rows } = await sql`select data from audit_pending where run_id = ${run.run_id}`.execute(
    opened().database.db,
  );
  expect(JSON.stringify(rows)).not.toContain('1415555');
});
