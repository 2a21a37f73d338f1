import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PriorAttempt } from '../../src/activities/engine/prior-attempt.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../src/cxone/contact-lists.ts';
import { CREATE, interpret } from './answers.ts';

const duplicate = (index: number, more: Partial<NamedRecord> = {}): NamedRecord => ({
  index,
  contactId: null,
  recordId: null,
  code: 'DUPLICATE',
  field: null,
  message: null,
  severity: 'warning',
  ...more,
});
const error = (index: number) => duplicate(index, { code: 'INVALID', severity: 'error' });

const parts = { requestId: 'q', id: null, notes: [] };
const created = (recordsCreated: number, named: NamedRecord[] = []): CreateRecordsAnswer => ({
  kind: 'created',
  status: 200,
  recordsCreated,
  named,
  ...parts,
});
const duplicates = (...named: NamedRecord[]): CreateRecordsAnswer => ({
  kind: 'duplicates',
  status: 409,
  named,
  ...parts,
});
const refused = (...named: NamedRecord[]): CreateRecordsAnswer => ({
  kind: 'refused',
  status: 400,
  message: 'no',
  named,
  ...parts,
});

const sent = (n: number, priorAttempt: PriorAttempt = 'none') => ({
  seqs: Array.from({ length: n }, (_, i) => 10 * (i + 1)),
  priorAttempt,
});
const reasons = [{ code: 'refused', message: 'no' }];
const refs = { halved: true };

describe('an answer to a batch of callbacks', () => {
  it('accounts for every record once, and what is sent again is smaller (property)', () => {
    const size = fc.integer({ min: 1, max: 10 });
    const situation = size.chain((n) => {
      const entry = fc
        .tuple(
          fc.nat(n - 1),
          fc.constantFrom('DUPLICATE', 'UNSPECIFIED'),
          fc.constantFrom('warning', 'error'),
        )
        .map(([index, code, severity]) => duplicate(index, { code, severity: severity as 'error' }));
      return fc.record({
        n: fc.constant(n),
        make: fc.constantFrom(duplicates, refused, (...named: NamedRecord[]) => created(n >> 1, named)),
        named: fc.array(entry, { maxLength: n }),
        priorAttempt: fc.constantFrom<PriorAttempt[]>('none', 'batch', 'some_records'),
      });
    });
    fc.assert(
      fc.property(situation, ({ n, make, named, priorAttempt }) => {
        const question = sent(n, priorAttempt);
        const { groups, derived } = interpret(make(...named), question);
        const all = [...groups, ...derived].flatMap(({ seqs }) => seqs);
        expect(all.toSorted((a, b) => a - b)).toEqual(question.seqs);
        for (const { seqs } of derived) expect(seqs.length).toBeLessThan(n);
        for (const { seqs } of [...groups, ...derived]) expect(seqs.length).toBeGreaterThan(0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('200 that names some records: those are existing or rejected, the others created', () => {
    expect(interpret(created(1, [duplicate(0), error(1)]), sent(3))).toEqual({
      groups: [
        { outcome: 'existing', seqs: [10] },
        { outcome: 'rejected', seqs: [20], reasons: [{ code: 'not_created' }] },
        { outcome: 'created', seqs: [30] },
      ],
      derived: [],
    });
  });

  it('200 that created too few and names none: sent again in halves that may have been applied', () => {
    expect(interpret(created(1), sent(3))).toEqual({
      groups: [],
      derived: [
        { kind: CREATE, seqs: [10, 20], refs },
        { kind: CREATE, seqs: [30], refs },
      ],
    });
  });

  it('400 or 409 that names no record: sent again in halves until the cause is alone', () => {
    for (const answer of [refused(), duplicates()])
      expect(interpret(answer, sent(3))).toEqual({
        groups: [],
        derived: [
          { kind: CREATE, seqs: [10, 20] },
          { kind: CREATE, seqs: [30] },
        ],
      });
    expect(interpret(refused(), sent(1)).groups).toEqual([{ outcome: 'rejected', seqs: [10], reasons }]);
    expect(interpret(duplicates(), sent(1)).groups).toEqual([{ outcome: 'existing', seqs: [10] }]);
  });

  it('400 or 409 that names some records: those are settled, and the others sent again as if never sent', () => {
    const derived = [{ kind: CREATE, seqs: [20] }];
    const groups = [{ outcome: 'rejected', seqs: [10], reasons }];
    expect(interpret(refused(error(0)), sent(2))).toEqual({ groups, derived });
    const existing = [{ outcome: 'existing', seqs: [10] }];
    expect(interpret(duplicates(duplicate(0)), sent(2))).toEqual({ groups: existing, derived });
  });
});

describe('after a lost answer', () => {
  it('409 that names all records: applied, or refused because all existed before; nobody can tell', () => {
    for (const [answer, n] of [
      [duplicates(duplicate(0), duplicate(1)), 2],
      [duplicates(), 1],
    ] as const) {
      const { seqs } = sent(n);
      expect(interpret(answer, sent(n, 'batch'))).toEqual({
        groups: [{ outcome: 'existing', seqs, evidence: 'own_write_or_existing' }],
        derived: [],
      });
    }
  });

  it('200 that created all records, or 409 that names some: the lost attempt was not applied', () => {
    expect(interpret(created(2), sent(2, 'batch'))).toEqual({
      groups: [{ outcome: 'created', seqs: [10, 20] }],
      derived: [],
      lostAttemptNotApplied: true,
    });
    expect(interpret(duplicates(duplicate(0)), sent(2, 'batch'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [10] }],
      derived: [{ kind: CREATE, seqs: [20] }],
      lostAttemptNotApplied: true,
    });
  });

  it('other answers leave that open: existing records may be ours, and what is sent again may have been applied', () => {
    const evidence = 'own_write_or_existing';
    expect(interpret(created(1, [duplicate(0)]), sent(2, 'batch'))).toEqual({
      groups: [
        { outcome: 'existing', seqs: [10], evidence },
        { outcome: 'created', seqs: [20] },
      ],
      derived: [],
    });
    expect(interpret(refused(error(0)), sent(2, 'batch'))).toEqual({
      groups: [{ outcome: 'rejected', seqs: [10], reasons }],
      derived: [{ kind: CREATE, seqs: [20], refs }],
    });
    expect(interpret(duplicates(duplicate(0)), sent(1, 'some_records'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [10], evidence }],
      derived: [],
    });
  });
});
