/**
 * Bad answers: 429s, answers that are slow, missing or unreadable; and wrong clocks. The tests run concurrently, each with its
 * own processes, because they spend most of their time waiting.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Fault, FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { csv, rowAt, rows } from '../scenarios/contacts.ts';
import { claimable, countClaims, listRequests, listWriteRequests, outcomesByEvidence } from './observe.ts';
import { LIST, onStand, type Stand, until, untilApplied } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;

/** Faults for every other request from the third on, because a rule does not count requests that an earlier rule matched. */
function everyOther(faults: readonly Fault[]): FaultRule[] {
  return faults.map((fault, n) => ({ match: POSTS, after: 2 + n, times: 1, fault }));
}

/**
 * Every valid record reaches CXone, and the ledger knows it, because CXone refuses duplicates; every fault has occurred. Returns
 * how it is known.
 */
async function expectAllWritten(stand: Stand, runId: string): Promise<readonly string[]> {
  const result = await stand.ended(runId);
  const counts = await stand.conserved(runId, { result });
  const { created = 0, existing = 0, invalid = 0, duplicate = 0 } = counts;
  expect(created + existing + invalid + duplicate).toBe(counts.total);
  const injections = (await stand.admin.faults()).map(({ injected }) => injected);
  expect(injections, 'how often each fault occurred').toEqual(injections.map(() => 1));
  const known = Object.keys(await outcomesByEvidence(stand, runId));
  return known.filter((each) => /^(created|existing)/.test(each)).sort();
}

/** Pairs of `Retry-After` and the ms during which no request may leave; a value without a wait means the backoff of a second. */
const WAITS: readonly (readonly [number | string | undefined, number])[] = [
  [undefined, 1_000],
  [0, 1_000],
  [2, 2_000],
  ['1.5', 1_500],
  ['http-date-in-3', 2_000],
  ['http-date-in-0', 1_000],
  ['http-date-in--3600', 1_000],
  ['soon', 1_000],
  ['-5', 1_000],
  ['99999999999999999999', 1_000],
];

describe.concurrent('429s', () => {
  const processes = useProcesses();
  it('hold back all requests for as long as Retry-After demands, and for a second if it demands nothing', async () => {
    const faults = everyOther(
      WAITS.map(([retryAfter]) => ({ status: 429, ...(retryAfter !== undefined && { retryAfter }) })),
    );
    await onStand(processes, { faults, env: { CXFLOW_MAX_IN_FLIGHT: '1' } }, async (stand) => {
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(2_500);
      await expectAllWritten(stand, runId);
      const writes = await listWriteRequests(stand);
      const refused = writes.flatMap(({ status }, n) => (status === 429 ? [n] : []));
      const waits = refused.map((n) => Date.parse(writes[n + 1]?.at ?? '') - Date.parse(writes[n]?.at ?? ''));
      expect(waits.length).toBe(WAITS.length);
      waits.forEach((ms, n) =>
        expect(ms, `after ${WAITS[n]?.[0]}`).toBeGreaterThanOrEqual(WAITS[n]?.[1] ?? 0),
      );
      expect(worker.stderr()).toBe('');
    });
  });
});

describe.concurrent('a Retry-After of ten hours', () => {
  const processes = useProcesses();
  it('is respected by a worker that starts later, and does not keep a cancel from ending the run', async () => {
    const faults = [{ match: POSTS, after: 5, times: 1, fault: { status: 429, retryAfter: 36_000 } }];
    await onStand(processes, { faults, env: { CXFLOW_MAX_IN_FLIGHT: '2' } }, async (stand) => {
      const first = await stand.readyWorker();
      const runId = await stand.startImport(3_000);
      await until(
        () => listRequests(stand),
        (requests) => requests.some(({ status }) => status === 429),
      );
      await until(
        () => countClaims(stand),
        ({ open }) => open === 0,
      );
      const { length } = await listRequests(stand);
      await first.kill();
      await stand.readyWorker();
      await delay(4_000);
      expect(await listRequests(stand), 'requests within the ten hours').toHaveLength(length);
      await stand.client().decide(runId, { action: 'cancel', by: 'dana' });
      const result = await stand.ended(runId);
      const counts = await stand.conserved(runId, { result, state: 'cancelled' });
      expect(counts.cancelled).toBeGreaterThan(2_000);
    });
  });
});

describe.concurrent('slow answers', () => {
  const processes = useProcesses();
  it('time out, as do requests that CXone hardly reads, and the repetition shows what was applied', async () => {
    const slow: readonly Fault[] = [
      { drip: 'body' },
      { drip: 'headers' },
      { hang: true },
      { slowRead: true },
      { answerLost: true },
    ];
    await onStand(processes, { faults: everyOther(slow) }, async (stand) => {
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(2_000);
      const known = await expectAllWritten(stand, runId);
      expect(known).toEqual(['created', 'existing own_write_or_existing']);
      expect(worker.stderr()).toBe('');
    });
  });
});

/** Bodies of a 200 that are not the expected answer; with `when: 'after'` the request was applied. */
const GARBLED: readonly Fault[] = [
  { truncate: true },
  { truncate: 'cut' },
  { html: true },
  { html: true, when: 'after' },
  { raw: '' },
  { raw: '', when: 'after' },
  { raw: '{"recordsCreated": NaN}', when: 'after' },
  { raw: '{"id":"x"}' },
  { raw: '{"id":"x","recordsCreated":-1,"warnings":[],"errors":[]}', when: 'after' },
  { raw: '{"id":"x","recordsCreated":100000,"warnings":[],"errors":[]}' },
  { raw: '[]', when: 'after' },
  { raw: 'null' },
  { raw: '\ufeff{"id":"x","recordsCreated":100,"warnings":[],"errors":[]}', when: 'after' },
  { raw: '{"recordsCreated":1,"recordsCreated":100,"id":"x","warnings":[],"errors":[]}', when: 'after' },
  { raw: '{"id":"x","recordsCreated":100,"warnings":["odd"],"errors":["odder"]}', when: 'after' },
  { dropRecords: 3 },
  { underreport: 2 },
];

describe.concurrent('unreadable answers', () => {
  const processes = useProcesses();
  it('with status 200 do not count as success, nor do incomplete ones, and the repetition shows what was applied', async () => {
    await onStand(
      processes,
      { faults: everyOther(GARBLED), env: { CXFLOW_MAX_IN_FLIGHT: '2' } },
      async (stand) => {
        const worker = await stand.readyWorker();
        const runId = await stand.startImport(5_000);
        const known = await expectAllWritten(stand, runId);
        expect(known).toEqual(['created', 'existing own_write_or_existing']);
        expect(worker.stderr()).toBe('');
      },
    );
  });
});

/** Preloaded into a worker, to shift its clock by SKEW_MS. */
const SKEWED = `const Real = Date; const off = Number(process.env.SKEW_MS);
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + off); }
  static now() { return Real.now() + off; }
};`;
const MINUTES = 60_000;
const IN_FLIGHT = 2;

for (const ahead of [10, -10]) {
  describe.concurrent(`workers whose clocks differ, and CXone ${ahead} minutes ahead`, () => {
    const processes = useProcesses();
    it('respect waits and leases, and write nothing twice', async () => {
      const faults = [
        { match: POSTS, after: 5, times: 1, fault: { status: 429, retryAfter: 'http-date-in-3' } },
      ];
      const simulatorArgs = [`--clock-offset-seconds=${ahead * 60}`];
      const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
      await onStand(processes, { faults, simulatorArgs, latencyMs: 150, env }, async (stand) => {
        const preload = join(stand.folder, 'skewed.mjs');
        writeFileSync(preload, SKEWED);
        const skewed = (minutes: number) =>
          stand.readyWorker({ NODE_OPTIONS: `--import=${preload}`, SKEW_MS: String(minutes * MINUTES) });
        const [killed] = await Promise.all([skewed(10), skewed(-10)]);
        // A minute old by our clock, and in the future for a CXone whose clock is behind.
        const recent = rowAt(6_001, { consentTimestamp: new Date(Date.now() - MINUTES).toISOString() });
        const path = join(stand.folder, 'contacts.csv');
        writeFileSync(path, csv([...rows(1, 6_000), recent]));
        const { source } = await stand.client().stageFile(path);
        const { runId } = await stand.client().startContactImport({ listId: LIST, source });
        await untilApplied(stand, 1_500);
        await killed?.kill();
        const result = await stand.ended(runId);
        const counts = await stand.conserved(runId, { result });
        // What was in flight when the worker died is in CXone, too.
        const { created = 0, existing = 0, ...rest } = counts;
        expect({ ...rest, arrived: created + existing }).toEqual({
          total: 6_001,
          pending: 0,
          ...(ahead > 0 ? { arrived: 6_001 } : { arrived: 6_000, rejected: 1 }),
        });
        await expectWaitOf2s(stand);
      });
    });
  });
}

/** Preloaded into a worker, to change its clock every 700 ms. */
const JUMPING = `const Real = Date; const offs = [0, 3_600_000, 0, -1_000];
const now = () => Real.now() + offs[Math.floor(performance.now() / 700) % offs.length];
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(now()); }
  static now() { return now(); }
};`;

describe.concurrent('a clock that jumps', () => {
  const processes = useProcesses();
  it('by an hour, or back by a second, causes no loss and no duplicate', async () => {
    const faults = [
      { match: POSTS, after: 5, times: 1, fault: { status: 429, retryAfter: 'http-date-in-3' } },
    ];
    const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT), TZ: 'Europe/Berlin' };
    await onStand(processes, { faults, latencyMs: 150, env }, async (stand) => {
      const preload = join(stand.folder, 'jumping.mjs');
      writeFileSync(preload, JUMPING);
      const jumping = () => stand.readyWorker({ NODE_OPTIONS: `--import=${preload}` });
      const [killed] = await Promise.all([jumping(), jumping()]);
      const runId = await stand.startImport(6_000);
      await untilApplied(stand, 1_500);
      await killed?.kill();
      const result = await stand.ended(runId);
      const { total, created = 0, existing = 0, ...rest } = await stand.conserved(runId, { result });
      expect(created + existing + (rest.invalid ?? 0) + (rest.duplicate ?? 0)).toBe(total);
      await expectWaitOf2s(stand);
    });
  });
});

/** Checks the first 2 s of the 3 s that the 429 demanded. */
async function expectWaitOf2s(stand: Stand): Promise<void> {
  const requests = await listRequests(stand);
  const refused = requests.findIndex(({ status }) => status === 429);
  expect(refused, 'the 429').not.toBe(-1);
  const at = Date.parse(requests[refused]?.at ?? '');
  // What the two workers had claimed before they received the 429 may still leave, late if the machine is busy.
  const early = requests.map((each) => Date.parse(each.at) - at).filter((ms) => ms > 0 && ms < 2_000);
  expect(early.length, 'requests within the wait').toBeLessThanOrEqual(claimable(2, IN_FLIGHT));
}
