/**
 * Bad answers: 429s, answers that drip or never come, answers that cannot be read, and clocks that are wrong. The scenes run
 * beside each other, each with processes of its own, because they spend most of their time waiting.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Fault, FaultRule } from '../../src/simulator/faults.ts';
import { useProcesses } from '../harness/processes.ts';
import { csv, rowAt, rows } from '../scenarios/contacts.ts';
import { claimable, claimsOf, evidenceOf, requestsOf, writesOf } from './observe.ts';
import { LIST, onStand, type Stand, until, untilApplied } from './stand.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;

/** Every other request meets one, the third the first: what an earlier rule strikes, the later ones do not count. */
function everyOther(faults: readonly Fault[]): FaultRule[] {
  return faults.map((fault, n) => ({ match: POSTS, after: 2 + n, times: 1, fault }));
}

/** What CXone refuses it has, so every good record gets there, and it is known of each that it does. */
async function allArrived(stand: Stand, runId: string): Promise<void> {
  const result = await stand.ended(runId);
  const counts = await stand.conserved(runId, { result });
  const { created = 0, existing = 0, invalid = 0, duplicate = 0 } = counts;
  expect(created + existing + invalid + duplicate).toBe(counts.total);
  const struck = (await stand.admin.faults()).map(({ injected }) => injected);
  expect(struck, 'each fault has struck').toEqual(struck.map(() => 1));
}

/** `Retry-After`, and for how long nothing may leave. Without a wait in it, the backoff of a second. */
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
  it('a 429 keeps everybody away for as long as its Retry-After says, and for a moment where it says nothing', async () => {
    const faults = everyOther(
      WAITS.map(([retryAfter]) => ({ status: 429, ...(retryAfter !== undefined && { retryAfter }) })),
    );
    await onStand(processes, { faults, env: { CXFLOW_MAX_IN_FLIGHT: '1' } }, async (stand) => {
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(2_500);
      await allArrived(stand, runId);
      const writes = await writesOf(stand);
      const refused = writes.flatMap(({ status }, n) => (status === 429 ? [n] : []));
      const silences = refused.map(
        (n) => Date.parse(writes[n + 1]?.at ?? '') - Date.parse(writes[n]?.at ?? ''),
      );
      expect(silences.length).toBe(WAITS.length);
      silences.forEach((ms, n) =>
        expect(ms, `after ${WAITS[n]?.[0]}`).toBeGreaterThanOrEqual(WAITS[n]?.[1] ?? 0),
      );
      expect(worker.stderr()).toBe('');
    });
  });
});

describe.concurrent('ten hours of silence', () => {
  const processes = useProcesses();
  it('of silence are kept, by a worker that comes later too; a cancel ends the run all the same', async () => {
    const faults = [{ match: POSTS, after: 5, times: 1, fault: { status: 429, retryAfter: 36_000 } }];
    await onStand(processes, { faults, env: { CXFLOW_MAX_IN_FLIGHT: '2' } }, async (stand) => {
      const first = await stand.readyWorker();
      const runId = await stand.startImport(3_000);
      await until(
        () => requestsOf(stand),
        (requests) => requests.some(({ status }) => status === 429),
      );
      await until(
        () => claimsOf(stand),
        ({ open }) => open === 0,
      );
      const { length } = await requestsOf(stand);
      await first.kill();
      await stand.readyWorker();
      await delay(4_000);
      expect(await requestsOf(stand), 'requests within the ten hours').toHaveLength(length);
      await stand.client().decide(runId, { action: 'cancel', by: 'dana' });
      const result = await stand.ended(runId);
      const counts = await stand.conserved(runId, { result, state: 'cancelled' });
      expect(counts.cancelled).toBeGreaterThan(2_000);
    });
  });
});

describe.concurrent('slow answers', () => {
  const processes = useProcesses();
  it('answers that drip or never come, and requests that are hardly read, are given up; what became of them is found out', async () => {
    const silences: readonly Fault[] = [
      { drip: 'body' },
      { drip: 'headers' },
      { hang: true },
      { slowRead: true },
      { answerLost: true },
    ];
    await onStand(processes, { faults: everyOther(silences) }, async (stand) => {
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(2_000);
      await allArrived(stand, runId);
      expect(await evidenceOf(stand, 'created')).toEqual(['own_write_lost_answer']);
      expect(worker.stderr()).toBe('');
    });
  });
});

/** Carried out or not, and answered with 200 and something else. */
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
  it('a 200 that cannot be read, or says less than all, is no success: what became of its records is found out', async () => {
    await onStand(
      processes,
      { faults: everyOther(GARBLED), env: { CXFLOW_MAX_IN_FLIGHT: '2' } },
      async (stand) => {
        const worker = await stand.readyWorker();
        const runId = await stand.startImport(5_000);
        await allArrived(stand, runId);
        expect(await evidenceOf(stand, 'created')).toEqual(['own_write_lost_answer']);
        expect(worker.stderr()).toBe('');
      },
    );
  });
});

/** Before anything else in the process: its clock goes wrong by SKEW_MS. */
const SKEWED = `const Real = Date; const off = Number(process.env.SKEW_MS);
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + off); }
  static now() { return Real.now() + off; }
};`;
const MINUTES = 60_000;
const IN_FLIGHT = 2;

for (const ahead of [10, -10]) {
  describe.concurrent(`clocks, CXone ${ahead} minutes ahead`, () => {
    const processes = useProcesses();
    it('workers ten minutes apart and a CXone beside both neither hurry a wait, nor lose a lease, nor write twice', async () => {
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
        const [doomed] = await Promise.all([skewed(10), skewed(-10)]);
        // A minute old by our clock; where CXone is behind, it lies in the future there.
        const recent = rowAt(6_001, { consentTimestamp: new Date(Date.now() - MINUTES).toISOString() });
        const path = join(stand.folder, 'contacts.csv');
        writeFileSync(path, csv([...rows(1, 6_000), recent]));
        const { source } = await stand.client().stageFile(path);
        const { runId } = await stand.client().startContactImport({ listId: LIST, source });
        await untilApplied(stand, 1_500);
        await doomed?.kill();
        const result = await stand.ended(runId);
        const counts = await stand.conserved(runId, { result });
        expect(counts).toEqual({
          total: 6_001,
          pending: 0,
          ...(ahead > 0 ? { created: 6_001 } : { created: 6_000, rejected: 1 }),
        });
        await silentFor2s(stand);
      });
    });
  });
}

/** Before anything else in the process: every 700 ms its clock is another one. */
const JUMPING = `const Real = Date; const offs = [0, 3_600_000, 0, -1_000];
const now = () => Real.now() + offs[Math.floor(performance.now() / 700) % offs.length];
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(now()); }
  static now() { return now(); }
};`;

describe.concurrent('clocks that jump', () => {
  const processes = useProcesses();
  it('an hour forward and back as in a daylight saving that was set by hand, or a leap second: nothing lost, nothing twice', async () => {
    const faults = [
      { match: POSTS, after: 5, times: 1, fault: { status: 429, retryAfter: 'http-date-in-3' } },
    ];
    const env = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT), TZ: 'Europe/Berlin' };
    await onStand(processes, { faults, latencyMs: 150, env }, async (stand) => {
      const preload = join(stand.folder, 'jumping.mjs');
      writeFileSync(preload, JUMPING);
      const jumping = () => stand.readyWorker({ NODE_OPTIONS: `--import=${preload}` });
      const [doomed] = await Promise.all([jumping(), jumping()]);
      const runId = await stand.startImport(6_000);
      await untilApplied(stand, 1_500);
      await doomed?.kill();
      const result = await stand.ended(runId);
      const { total, created = 0, invalid = 0, duplicate = 0 } = await stand.conserved(runId, { result });
      expect(created + invalid + duplicate).toBe(total);
      await silentFor2s(stand);
    });
  });
});

/** Of the 3 s that a 429 asked for. */
async function silentFor2s(stand: Stand): Promise<void> {
  const requests = await requestsOf(stand);
  const refused = requests.findIndex(({ status }) => status === 429);
  expect(refused, 'the 429').not.toBe(-1);
  const at = Date.parse(requests[refused]?.at ?? '');
  // What the two workers had claimed before they knew may still leave, as late as a busy machine lets it.
  const inside = requests.map((each) => Date.parse(each.at) - at).filter((ms) => ms > 0 && ms < 2_000);
  expect(inside.length, 'requests within the wait').toBeLessThanOrEqual(claimable(2, IN_FLIGHT));
}
