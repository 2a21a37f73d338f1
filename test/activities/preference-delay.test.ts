/** How long the guard may keep a batch: objections leave within seconds, and nothing is looked up for ever. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WriteAttempt } from '../../src/activities/engine/write-definition.ts';
import { guardBatch } from '../../src/activities/preference-update/lookup.ts';
import { CxoneRateLimited } from '../../src/cxone/errors.ts';
import { upTo } from '../ledger/harness.ts';
import { CONTEXT, fakeCxone } from './harness.ts';
import { nextPerson, optIn, optOut, type Row, rowWorkersOfFile } from './preferences.ts';

const { opened } = rowWorkersOfFile();

const START = Date.parse('2026-03-01T12:00:00Z');
let now = START;

beforeEach(() => {
  now = START;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.useFakeTimers({ now, toFake: ['Date'] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Looks up a batch with these rows. Each lookup takes so many seconds, or fails. */
async function guard(rows: readonly Row[], lookup: number | Error) {
  const asked: number[] = [];
  const { cxone } = fakeCxone();
  const find = ({ contactId }: { contactId: string }) => {
    asked.push(rows.findIndex((row) => row.contactId === contactId) + 1);
    if (lookup instanceof Error) return Promise.reject(lookup);
    now += lookup * 1_000;
    vi.setSystemTime(now);
    return Promise.resolve(null);
  };
  const attempt = {
    kind: 'guard',
    refs: null,
    records: rows.map((row, i) => ({ seq: i + 1, record: row })),
    checkLease: () => undefined,
    alwaysFails: () => false,
    nextRequest: () => Promise.resolve(true),
  } as unknown as WriteAttempt;
  const deps = { ledger: opened().ledger, cxone: { ...cxone, preferences: { ...cxone.preferences, find } } };
  const { derived, interruptedBy } = await guardBatch(deps, attempt);
  const writes = (derived ?? []).map(({ kind, seqs }) => [kind, seqs]);
  return { asked, writes, interruptedBy, refs: derived?.[0]?.refs };
}

const rowsOf = (optIns: number, optOuts: number): Row[] => [
  ...upTo(optIns).map(() => optIn(nextPerson(), 3)),
  ...upTo(optOuts).map(() => optOut(nextPerson(), 3)),
];

describe('the lookups before a batch', () => {
  it('end after five seconds if it has opt-outs, and all of those are sent', async () => {
    const { asked, writes } = await guard(rowsOf(0, 5), 3);
    expect(asked).toEqual([1, 2]);
    expect(writes).toEqual([['update', [1, 2, 3, 4, 5]]]);
  });

  it('let no opt-out wait for the opt-ins of its batch', async () => {
    const { asked, writes } = await guard(rowsOf(3, 1), 3);
    expect(asked).toEqual([4, 1]);
    expect(writes).toEqual([
      ['update', [4, 1]],
      ['guard', [2, 3]],
    ]);
  });

  it('end while what they have read is still valid, and continue in a write of their own', async () => {
    const { asked, writes } = await guard(rowsOf(5, 0), 150);
    expect(asked).toEqual([1, 2]);
    expect(writes).toEqual([
      ['update', [1, 2]],
      ['guard', [3, 4, 5]],
    ]);
  });

  it('are valid from the first of them', async () => {
    const { refs } = await guard(rowsOf(2, 0), 100);
    expect(refs).toEqual({ guardedAt: new Date(START).toISOString() });
  });

  it('end at a 429, which blocks all requests, and all opt-outs are sent without them after the block', async () => {
    const limited = new CxoneRateLimited({ ...CONTEXT, status: 429 }, 1_000);
    const { asked, writes, interruptedBy } = await guard(rowsOf(1, 2), limited);
    expect(asked).toEqual([2]);
    expect(writes).toEqual([
      ['update', [2, 3]],
      ['guard', [1]],
    ]);
    expect(interruptedBy).toBe(limited);
  });
});
