/** Runs the interpretation of answers against a model of CXone until no write is left, and compares the outcomes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREATE, interpretCreate, UPDATE } from '../../src/activities/contact-import/answers.ts';
import type { HalvedRefs, PriorAttempt } from '../../src/activities/engine/prior-attempt.ts';
import type { Existing } from '../../src/contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../src/cxone/contact-lists.ts';
import type { Outcome, Reason } from '../../src/domain/run.ts';

interface Tenant {
  /** Records that existed before, that CXone refuses as invalid, and that a 200 leaves out without naming them. */
  readonly existing: ReadonlySet<number>;
  readonly invalid: ReadonlySet<number>;
  readonly dropped: ReadonlySet<number>;
  /** Do 409 and 400 answers name records? */
  readonly names: boolean;
  readonly givesIds: boolean;
  /** If not, a 200 creates what it can and names the rest. */
  readonly atomic: boolean;
  /** Is the answer to the n-th request lost? */
  readonly loses: (request: number) => boolean;
  /** Does the worker die before it sends the n-th request? */
  readonly dies: (request: number) => boolean;
}

interface Write {
  readonly kind: string;
  readonly seqs: readonly number[];
  readonly refs?: unknown;
  readonly priorAttempt: PriorAttempt;
}

function modelTenant(tenant: Tenant, applied: Set<number>) {
  return (seqs: readonly number[]): CreateRecordsAnswer => {
    const parts = { requestId: 'q', id: null, notes: [] };
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
    const invalid = indices.filter(isOf(tenant.invalid));
    const errors = invalid.map((index) => name(index, { code: 'INVALID', severity: 'error' }));
    const duplicates = indices.filter(isOf(applied)).map((index) => name(index, {}));
    const all = tenant.names ? [...errors, ...duplicates] : [];
    if (tenant.atomic && errors.length > 0)
      return { kind: 'refused', status: 400, message: 'no', named: tenant.names ? errors : [], ...parts };
    if (tenant.atomic && duplicates.length > 0)
      return { kind: 'duplicates', status: 409, named: tenant.names ? duplicates : [], ...parts };
    const creates = seqs.filter(
      (seq) => !applied.has(seq) && !tenant.invalid.has(seq) && !tenant.dropped.has(seq),
    );
    for (const seq of creates) applied.add(seq);
    return { kind: 'created', status: 200, recordsCreated: creates.length, named: all, ...parts };
  };
}

function runToEnd(n: number, tenant: Tenant, existing: Existing) {
  const applied = new Set(tenant.existing);
  const post = modelTenant(tenant, applied);
  const outcomes = new Map<number, Outcome>();
  const unexplained = new Set<number>();
  const seqs = Array.from({ length: n }, (_, i) => i + 1);
  const open: Write[] = [{ kind: CREATE, seqs, priorAttempt: 'none' }];
  let requests = 0;
  while (open.length > 0) {
    const write = open.shift();
    if (!write) break;
    requests += 1;
    if (requests > 100_000) throw new Error('the work does not end');
    if (write.kind === UPDATE) {
      for (const seq of write.seqs) outcomes.set(seq, 'updated');
      continue;
    }
    const { priorAttempt } = write;
    if (tenant.dies(requests)) {
      open.push({ ...write, priorAttempt: priorAttempt === 'none' ? 'batch' : priorAttempt });
      continue;
    }
    const answer = post(write.seqs);
    if (tenant.loses(requests)) {
      open.push({ ...write, priorAttempt: priorAttempt === 'some_records' ? priorAttempt : 'batch' });
      continue;
    }
    const { groups, derived } = interpretCreate(answer, { seqs: write.seqs, existing, priorAttempt });
    for (const { outcome, seqs: settled, reasons = [], evidence } of groups) {
      for (const seq of settled) {
        expect(outcomes.has(seq)).toBe(false);
        outcomes.set(seq, outcome);
        // Whatever is stated without evidence is certain.
        if (outcome === 'created') expect(tenant.existing).not.toContain(seq);
        // That a part exists shows that the lost attempt was refused, because a batch is atomic.
        const isCertain = evidence === undefined && tenant.dropped.size === 0;
        if (outcome === 'existing' && isCertain) expect(tenant.existing).toContain(seq);
        if (isUnexplained(reasons)) unexplained.add(seq);
      }
    }
    open.push(
      ...derived.map((next): Write => {
        const { halved } = (next.refs ?? {}) as HalvedRefs;
        return { ...next, priorAttempt: halved ? 'some_records' : 'none' };
      }),
    );
  }
  return { applied, outcomes, unexplained, requests };
}

const isUnexplained = (reasons: readonly Reason[]): boolean =>
  reasons.some(({ code }) => code === 'not_created_unexplained');

/** A record is settled as present exactly if the list has it. Records that the answer leaves open are excluded. */
function expectCorrectOutcomes(
  { applied, outcomes, unexplained }: ReturnType<typeof runToEnd>,
  dropped: ReadonlySet<number>,
) {
  for (const [seq, outcome] of outcomes)
    if (!unexplained.has(seq))
      expect(IN_LIST.includes(outcome), `record ${seq} is ${outcome}`).toBe(applied.has(seq));
  for (const seq of unexplained) expect(dropped.has(seq) || applied.has(seq)).toBe(true);
}

const IN_LIST: readonly (Outcome | undefined)[] = ['created', 'existing', 'updated'];

/** Deterministic, so that a failing case can be repeated and shrunk. */
const chance = (seed: number, percent: number) => (request: number) =>
  ((request * 2_654_435_761 + seed * 40_503) >>> 7) % 100 < percent;

const never = () => false;

const someRecords = (n: number, max: number) =>
  fc.uniqueArray(fc.integer({ min: 1, max: n }), { maxLength: max }).map((seqs) => new Set(seqs));

describe('a batch of contacts', () => {
  it('ends, and reports exactly those contacts as present that CXone holds (property)', () => {
    const cases = fc.integer({ min: 1, max: 100 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        existing: someRecords(n, 10),
        invalid: someRecords(n, 6),
        dropped: someRecords(n, 4),
        names: fc.boolean(),
        givesIds: fc.boolean(),
        seed: fc.nat(),
        percent: fc.integer({ min: 0, max: 60 }),
        mode: fc.constantFrom<Existing[]>('skip', 'update'),
      }),
    );
    fc.assert(
      fc.property(cases, ({ n, seed, percent, mode, invalid, existing, ...tenant }) => {
        const held = new Set([...existing].filter((seq) => !invalid.has(seq)));
        const loses = chance(seed, percent);
        const dies = chance(seed + 1, percent);
        const result = runToEnd(n, { ...tenant, existing: held, invalid, atomic: true, loses, dies }, mode);
        expect(result.outcomes.size).toBe(n);
        expectCorrectOutcomes(result, tenant.dropped);
      }),
      { numRuns: 1_500 },
    );
  });

  it('does so too if a 200 creates what it can and names the rest (property)', () => {
    const cases = fc.integer({ min: 1, max: 100 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        existing: someRecords(n, 10),
        invalid: someRecords(n, 6),
        dropped: someRecords(n, 4),
        seed: fc.nat(),
        percent: fc.integer({ min: 0, max: 60 }),
        mode: fc.constantFrom<Existing[]>('skip', 'update'),
      }),
    );
    fc.assert(
      fc.property(cases, ({ n, seed, percent, mode, invalid, existing, dropped }) => {
        const held = new Set([...existing].filter((seq) => !invalid.has(seq)));
        const loses = chance(seed, percent);
        const dies = chance(seed + 1, percent);
        const tenant = {
          existing: held,
          invalid,
          dropped,
          names: true,
          givesIds: true,
          atomic: false,
          loses,
          dies,
        };
        const result = runToEnd(n, tenant, mode);
        expect(result.outcomes.size).toBe(n);
        expectCorrectOutcomes(result, dropped);
      }),
      { numRuns: 800 },
    );
  });

  it.each(['invalid', 'existing', 'dropped'] as const)(
    'takes at most 2·log2(100)+1 more requests for one %s record that no answer names',
    (what) => {
      const none: ReadonlySet<number> = new Set();
      for (let culprit = 1; culprit <= 100; culprit += 1) {
        const sets = { existing: none, invalid: none, dropped: none, [what]: new Set([culprit]) };
        const tenant = { ...sets, names: false, givesIds: false, atomic: true, loses: never, dies: never };
        const { requests, outcomes, unexplained } = runToEnd(100, tenant, 'skip');
        if (what !== 'dropped') expect(requests - 1).toBeLessThanOrEqual(Math.floor(2 * Math.log2(100) + 1));
        expect(IN_LIST.includes(outcomes.get(culprit))).toBe(what !== 'invalid');
        expect([...unexplained]).toEqual(what === 'dropped' ? [culprit] : []);
        const others = [...outcomes].filter(([seq]) => seq !== culprit).map(([, outcome]) => outcome);
        expect(others.every((outcome) => IN_LIST.includes(outcome))).toBe(true);
      }
    },
  );

  it('takes one more request for any number of named records', () => {
    const none: ReadonlySet<number> = new Set();
    const invalid = new Set([3, 50, 99]);
    const tenant = { existing: none, invalid, dropped: none, names: true, givesIds: true, atomic: true };
    const { requests, outcomes } = runToEnd(100, { ...tenant, loses: never, dies: never }, 'skip');
    expect(requests).toBe(2);
    expect([...invalid].map((seq) => outcomes.get(seq))).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('takes a bounded number of requests when half of the answers are lost', () => {
    const none: ReadonlySet<number> = new Set();
    const tenant = { existing: none, invalid: new Set([7]), dropped: none, names: false, givesIds: true };
    const { requests } = runToEnd(
      100,
      { ...tenant, atomic: true, loses: chance(5, 50), dies: never },
      'skip',
    );
    expect(requests).toBeLessThan(300);
  });
});
