/** A model of CXone, driven by what we make of its answers, until nothing is left to do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PriorAttempt } from '../../src/activities/engine/prior-attempt.ts';
import {
  CREATE,
  type CreateRefs,
  interpretCreate,
  UPDATE,
  type UpdateRefs,
} from '../../src/activities/contact-import/answers.ts';
import type { Existing } from '../../src/contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../src/cxone/contact-lists.ts';
import type { Outcome } from '../../src/domain/run.ts';

interface Tenant {
  /** Records that were there before, and that CXone refuses, and that it drops from a 200 without a word. */
  readonly existing: ReadonlySet<number>;
  readonly wrong: ReadonlySet<number>;
  readonly dropped: ReadonlySet<number>;
  /** Does a 409, a 400 name records? */
  readonly names: boolean;
  readonly givesIds: boolean;
  /** Otherwise a 200 creates what it can and names the rest. */
  readonly atomic: boolean;
  /** For the n-th request: is its answer lost? */
  readonly loses: (request: number) => boolean;
}

interface Write {
  readonly kind: string;
  readonly seqs: readonly number[];
  readonly refs?: unknown;
  readonly unanswered: number;
}

function modelOf(tenant: Tenant, applied: Set<number>) {
  return (seqs: readonly number[]): CreateRecordsAnswer => {
    const parts = { requestId: 'q', notes: [] };
    const name = (index: number, more: Partial<NamedRecord>): NamedRecord => ({
      index,
      contactId: null,
      recordId: tenant.givesIds ? `r${seqs[index]}` : null,
      code: 'DUPLICATE',
      field: null,
      message: null,
      severity: 'warning',
      ...more,
    });
    const indices = seqs.map((_, index) => index);
    const isOf = (set: ReadonlySet<number>) => (index: number) => set.has(seqs[index] ?? 0);
    const wrong = indices.filter(isOf(tenant.wrong));
    const errors = wrong.map((index) => name(index, { code: 'INVALID', severity: 'error' }));
    const duplicates = indices.filter(isOf(applied)).map((index) => name(index, {}));
    const all = tenant.names ? [...errors, ...duplicates] : [];
    if (tenant.atomic && errors.length > 0)
      return { kind: 'refused', status: 400, message: 'no', named: tenant.names ? errors : [], ...parts };
    if (tenant.atomic && duplicates.length > 0)
      return { kind: 'duplicates', status: 409, named: tenant.names ? duplicates : [], ...parts };
    const creates = seqs.filter(
      (seq) => !applied.has(seq) && !tenant.wrong.has(seq) && !tenant.dropped.has(seq),
    );
    for (const seq of creates) applied.add(seq);
    return { kind: 'created', status: 200, recordsCreated: creates.length, named: all, ...parts };
  };
}

function drive(n: number, tenant: Tenant, existing: Existing) {
  const applied = new Set(tenant.existing);
  const post = modelOf(tenant, applied);
  const outcomes = new Map<number, Outcome>();
  const seqs = Array.from({ length: n }, (_, i) => i + 1);
  const open: Write[] = [{ kind: CREATE, seqs, unanswered: 0 }];
  let requests = 0;
  while (open.length > 0) {
    const write = open.shift();
    if (!write) break;
    requests += 1;
    if (requests > 100_000) throw new Error('it does not end');
    if (write.kind === UPDATE) {
      const refs = write.refs as UpdateRefs;
      for (const seq of write.seqs) outcomes.set(seq, refs.ownWrite ? 'created' : 'updated');
      continue;
    }
    const halved = (write.refs as CreateRefs | undefined)?.halved;
    const priorAttempt: PriorAttempt = halved ? 'some_records' : write.unanswered > 0 ? 'batch' : 'none';
    const answer = post(write.seqs);
    if (tenant.loses(requests)) {
      open.push({ ...write, unanswered: write.unanswered + 1 });
      continue;
    }
    const { groups, derived } = interpretCreate(answer, { seqs: write.seqs, existing, priorAttempt });
    for (const { outcome, seqs: settled } of groups) {
      for (const seq of settled) {
        expect(outcomes.has(seq)).toBe(false);
        outcomes.set(seq, outcome);
      }
    }
    open.push(...derived.map((next) => ({ ...next, unanswered: 0 })));
  }
  return { applied, outcomes, requests };
}

const HELD: readonly (Outcome | undefined)[] = ['created', 'existing', 'updated'];

/** Deterministic, so that a shrunk case repeats. */
const losing = (seed: number, percent: number) => (request: number) =>
  ((request * 2_654_435_761 + seed * 40_503) >>> 7) % 100 < percent;

const someOf = (n: number, max: number) =>
  fc.uniqueArray(fc.integer({ min: 1, max: n }), { maxLength: max }).map((seqs) => new Set(seqs));

describe('a batch against CXone', () => {
  it('ends, and reports as there exactly what CXone holds (property)', () => {
    const course = fc.integer({ min: 1, max: 100 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        existing: someOf(n, 10),
        wrong: someOf(n, 6),
        dropped: someOf(n, 4),
        names: fc.boolean(),
        givesIds: fc.boolean(),
        seed: fc.nat(),
        percent: fc.integer({ min: 0, max: 60 }),
        mode: fc.constantFrom<Existing[]>('skip', 'update'),
      }),
    );
    fc.assert(
      fc.property(course, ({ n, seed, percent, mode, wrong, existing, ...tenant }) => {
        const held = new Set([...existing].filter((seq) => !wrong.has(seq)));
        const loses = losing(seed, percent);
        const result = drive(n, { ...tenant, existing: held, wrong, atomic: true, loses }, mode);
        expect(result.outcomes.size).toBe(n);
        for (const [seq, outcome] of result.outcomes)
          expect(HELD.includes(outcome), `record ${seq} is ${outcome}`).toBe(result.applied.has(seq));
      }),
      { numRuns: 1_500 },
    );
  });

  it('holds too where a 200 creates what it can and names the rest (property)', () => {
    const course = fc.integer({ min: 1, max: 100 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        existing: someOf(n, 10),
        wrong: someOf(n, 6),
        dropped: someOf(n, 4),
        seed: fc.nat(),
        percent: fc.integer({ min: 0, max: 60 }),
        mode: fc.constantFrom<Existing[]>('skip', 'update'),
      }),
    );
    fc.assert(
      fc.property(course, ({ n, seed, percent, mode, wrong, existing, dropped }) => {
        const held = new Set([...existing].filter((seq) => !wrong.has(seq)));
        const loses = losing(seed, percent);
        const tenant = { existing: held, wrong, dropped, names: true, givesIds: true, atomic: false, loses };
        const { applied, outcomes } = drive(n, tenant, mode);
        expect(outcomes.size).toBe(n);
        for (const [seq, outcome] of outcomes)
          expect(HELD.includes(outcome), `record ${seq} is ${outcome}`).toBe(applied.has(seq));
      }),
      { numRuns: 800 },
    );
  });

  it.each(['wrong', 'existing', 'dropped'] as const)(
    'takes at most 2·log2(100)+1 requests more for one record that is %s and that nobody names (R17)',
    (what) => {
      const none: ReadonlySet<number> = new Set();
      for (let guilty = 1; guilty <= 100; guilty += 1) {
        const sets = { existing: none, wrong: none, dropped: none, [what]: new Set([guilty]) };
        const tenant = { ...sets, names: false, givesIds: false, atomic: true, loses: () => false };
        const { requests, outcomes } = drive(100, tenant, 'skip');
        if (what !== 'dropped') expect(requests - 1).toBeLessThanOrEqual(Math.floor(2 * Math.log2(100) + 1));
        expect(HELD.includes(outcomes.get(guilty))).toBe(what === 'existing');
        const others = [...outcomes].filter(([seq]) => seq !== guilty).map(([, outcome]) => outcome);
        expect(others.every((outcome) => HELD.includes(outcome))).toBe(true);
      }
    },
  );

  it('takes one request more for any number of records that are named', () => {
    const none: ReadonlySet<number> = new Set();
    const wrong = new Set([3, 50, 99]);
    const tenant = { existing: none, wrong, dropped: none, names: true, givesIds: true, atomic: true };
    const { requests, outcomes } = drive(100, { ...tenant, loses: () => false }, 'skip');
    expect(requests).toBe(2);
    expect([...wrong].map((seq) => outcomes.get(seq))).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('stays bounded when half of the answers are lost', () => {
    const none: ReadonlySet<number> = new Set();
    const tenant = { existing: none, wrong: new Set([7]), dropped: none, names: false, givesIds: true };
    const { requests } = drive(100, { ...tenant, atomic: true, loses: losing(5, 50) }, 'skip');
    expect(requests).toBeLessThan(300);
  });
});
