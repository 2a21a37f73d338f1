import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CREATE,
  interpretCreate,
  UPDATE,
  type UpdateRefs,
} from '../../src/activities/contact-import/answers.ts';
import type { PriorAttempt } from '../../src/activities/engine/prior-attempt.ts';
import type { Existing } from '../../src/contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../src/cxone/contact-lists.ts';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

function named(index: number, more: Partial<NamedRecord> = {}): NamedRecord {
  return {
    index,
    contactId: null,
    recordId: `r${index}`,
    code: 'DUPLICATE',
    field: null,
    message: null,
    severity: 'warning',
    ...more,
  };
}

const parts = { requestId: 'q', id: null, notes: [] };
const created = (recordsCreated: number, names: NamedRecord[] = []): CreateRecordsAnswer => ({
  kind: 'created',
  status: 200,
  recordsCreated,
  named: names,
  ...parts,
});
const duplicates = (names: NamedRecord[]): CreateRecordsAnswer => ({
  kind: 'duplicates',
  status: 409,
  named: names,
  ...parts,
});
const refused = (names: NamedRecord[]): CreateRecordsAnswer => ({
  kind: 'refused',
  status: 400,
  message: 'no',
  named: names,
  ...parts,
});

const sent = (n: number, priorAttempt: PriorAttempt = 'none', existing: Existing = 'skip') => ({
  seqs: upTo(n).map((i) => i * 10),
  priorAttempt,
  existing,
});

describe('an answer to a batch of contacts', () => {
  it('accounts for every record exactly once, whatever it contains (property)', () => {
    const entry = (n: number) =>
      fc.record({
        index: fc.nat(n - 1),
        contactId: fc.constant(null),
        recordId: fc.constantFrom(null, 'r1', '', '.', '..'),
        code: fc.constantFrom('DUPLICATE', 'UNSPECIFIED', 'INVALID', '__proto__'),
        field: fc.constantFrom(null, 'phone'),
        message: fc.constantFrom(null, 'm'),
        severity: fc.constantFrom<('warning' | 'error')[]>('warning', 'error'),
      });
    const situation = fc.integer({ min: 1, max: 12 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        kind: fc.constantFrom('created', 'duplicates', 'refused'),
        recordsCreated: fc.nat(n),
        names: fc.array(entry(n), { maxLength: 2 * n }),
        priorAttempt: fc.constantFrom<PriorAttempt[]>('none', 'batch', 'some_records'),
        existing: fc.constantFrom<Existing[]>('skip', 'update'),
      }),
    );
    fc.assert(
      fc.property(situation, ({ n, kind, recordsCreated, names, priorAttempt, existing }) => {
        const answers = {
          created: created(recordsCreated, names),
          duplicates: duplicates(names),
          refused: refused(names),
        };
        const question = sent(n, priorAttempt, existing);
        const { groups, derived } = interpretCreate(answers[kind as 'created'], question);
        const all = [...groups, ...derived].flatMap(({ seqs }) => [...seqs]);
        expect(all.sort((a, b) => a - b)).toEqual(question.seqs);
        // The work ends, because each create that follows is smaller than the batch.
        for (const { kind: next, seqs } of derived) if (next === CREATE) expect(seqs.length).toBeLessThan(n);
        for (const { kind: next, seqs, refs } of derived) {
          if (next !== UPDATE) continue;
          for (const seq of seqs) expect((refs as UpdateRefs).recordIds[String(seq)]).toBe('r1');
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('200 that created all records: created', () => {
    expect(interpretCreate(created(3), sent(3))).toEqual({
      groups: [{ outcome: 'created', seqs: [10, 20, 30] }],
      derived: [],
    });
  });

  it('200 with a warning other than a duplicate: created, with the warning as a reason', () => {
    const warning = named(1, { code: 'LANDLINE', message: 'm', field: 'phone' });
    expect(interpretCreate(created(2, [warning]), sent(2)).groups).toEqual([
      { outcome: 'created', seqs: [10] },
      { outcome: 'created', seqs: [20], reasons: [{ code: 'LANDLINE', field: 'phone', message: 'm' }] },
    ]);
  });

  it('200 that names a record as a duplicate and as an error: one outcome', () => {
    const names = [named(0), named(0, { severity: 'error', code: 'EXISTS' })];
    expect(interpretCreate(created(1, names), sent(2)).groups).toEqual([
      { outcome: 'existing', seqs: [10] },
      { outcome: 'created', seqs: [20] },
    ]);
  });

  it('200 that created too few and names none: sent again in halves that may have been applied', () => {
    expect(interpretCreate(created(2), sent(3)).derived).toEqual([
      { kind: CREATE, seqs: [10, 20], refs: { halved: true } },
      { kind: CREATE, seqs: [30], refs: { halved: true } },
    ]);
  });

  it('409 that names some records: those exist, and the rest is sent again as if never sent', () => {
    expect(interpretCreate(duplicates([named(1)]), sent(3))).toEqual({
      groups: [{ outcome: 'existing', seqs: [20] }],
      derived: [{ kind: CREATE, seqs: [10, 30] }],
    });
  });

  it('409 that names some records after a lost answer: the lost attempt was not applied', () => {
    expect(interpretCreate(duplicates([named(0)]), sent(2, 'batch'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [10] }],
      derived: [{ kind: CREATE, seqs: [20] }],
      lostAttemptNotApplied: true,
    });
  });

  it('409 that names all records after a lost answer: applied, or refused because all were there before; nobody can tell', () => {
    const answer = duplicates([named(0), named(1, { recordId: null })]);
    const evidence = 'own_write_or_existing';
    const open = expect.objectContaining({ code: 'own_write_or_existing' }) as unknown;
    expect(interpretCreate(answer, sent(2, 'batch'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [10, 20], reasons: [open], evidence }],
      derived: [],
    });
    expect(interpretCreate(answer, sent(2, 'batch', 'update'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [20], reasons: [{ code: 'no_record_id' }, open], evidence }],
      derived: [{ kind: UPDATE, seqs: [10], refs: { recordIds: { 10: 'r0' }, maybeOwn: true } }],
    });
    expect(interpretCreate(duplicates([]), sent(1, 'batch'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [10], reasons: [open], evidence }],
      derived: [],
    });
  });

  it('409 that names a record as invalid, not as a duplicate: rejected', () => {
    const answer = duplicates([named(0), named(1, { code: 'INVALID_PHONE', severity: 'error' })]);
    expect(interpretCreate(answer, sent(3)).groups).toEqual([
      { outcome: 'existing', seqs: [10] },
      { outcome: 'rejected', seqs: [20], reasons: [{ code: 'INVALID_PHONE' }] },
    ]);
  });

  it('409 with `existing: update`: updated if CXone gave a record id, otherwise existing', () => {
    const answer = duplicates([named(0), named(1, { recordId: null }), named(2, { recordId: '..' })]);
    expect(interpretCreate(answer, sent(3, 'none', 'update'))).toEqual({
      groups: [{ outcome: 'existing', seqs: [20, 30], reasons: [{ code: 'no_record_id' }] }],
      derived: [{ kind: UPDATE, seqs: [10], refs: { recordIds: { 10: 'r0' } } }],
    });
  });

  it('400 that names some records: rejected with every reason, and the rest is sent again', () => {
    const error = (code: string) => named(1, { code, severity: 'error' });
    expect(interpretCreate(refused([error('A'), error('B')]), sent(3))).toEqual({
      groups: [{ outcome: 'rejected', seqs: [20], reasons: [{ code: 'A' }, { code: 'B' }] }],
      derived: [{ kind: CREATE, seqs: [10, 30] }],
    });
  });

  it('400 that names a duplicate too: the duplicate exists, it is not rejected', () => {
    const answer = refused([named(0), named(1, { code: 'BAD', severity: 'error' })]);
    expect(interpretCreate(answer, sent(2)).groups).toEqual([
      { outcome: 'existing', seqs: [10] },
      { outcome: 'rejected', seqs: [20], reasons: [{ code: 'BAD' }] },
    ]);
  });

  it('400 or 409 that names no record: sent again in halves that were certainly not applied', () => {
    for (const answer of [refused([]), duplicates([])]) {
      expect(interpretCreate(answer, sent(3)).derived).toEqual([
        { kind: CREATE, seqs: [10, 20] },
        { kind: CREATE, seqs: [30] },
      ]);
    }
  });

  it('400 to a single record that it does not name: rejected with CXone’s message', () => {
    expect(interpretCreate(refused([]), sent(1)).groups).toEqual([
      { outcome: 'rejected', seqs: [10], reasons: [{ code: 'refused', message: 'no' }] },
    ]);
  });
});
