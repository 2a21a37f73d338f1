import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchRecords } from '../../src/cxone/named-records.ts';
import { RECORD } from './vendor.ts';

const records = ['a', 'b', 'c', 'twin', 'twin'].map((contactId) => ({ ...RECORD, contactId }));
const indexes = (...entries: Parameters<typeof matchRecords>[0]['warnings'][number][]) =>
  matchRecords({ warnings: entries, errors: [] }, () => records).named.map((record) => record.index);

describe('entries of warnings and errors', () => {
  it('match by index, and plain strings become notes', () => {
    const warnings = [{ index: 1, code: 'DUPLICATE', recordId: 'r9' }, 'the list is nearly full'];
    expect(
      matchRecords({ warnings, errors: [{ index: 0, field: 'consentTimestamp' }] }, () => records),
    ).toEqual({
      named: [
        expect.objectContaining({ index: 1, code: 'DUPLICATE', recordId: 'r9', severity: 'warning' }),
        expect.objectContaining({
          index: 0,
          code: 'UNSPECIFIED',
          field: 'consentTimestamp',
          severity: 'error',
        }),
      ],
      notes: ['the list is nearly full'],
    });
  });

  it('match by contactId if index and contactId disagree and only one record has it', () => {
    expect(indexes({ index: 0, contactId: 'b' })).toEqual([1]);
    expect(indexes({ index: 99, contactId: 'c' }, { contactId: 'a' })).toEqual([2, 0]);
    expect(indexes({ index: 4, contactId: 'twin' })).toEqual([4]);
  });

  it('become notes if they match no record or several', () => {
    expect(
      indexes({ index: 0, contactId: 'twin' }, { index: 0, contactId: 'stranger' }, { index: -1 }),
    ).toEqual([]);
    expect(indexes({ index: 1.5 }, { contactId: 'twin' }, {})).toEqual([]);
  });

  it('are never lost and never match a record that was not sent', () => {
    const entry = fc.oneof(
      fc.string(),
      fc.record({
        index: fc.option(fc.integer({ min: -3, max: 9 })),
        contactId: fc.option(fc.constantFrom('a', 'b', 'twin', 'x')),
        code: fc.option(fc.string()),
      }),
    );
    fc.assert(
      fc.property(fc.array(entry), fc.array(entry), (warnings, errors) => {
        const { named, notes } = matchRecords({ warnings, errors }, () => records);
        expect(named.length + notes.length).toBe(warnings.length + errors.length);
        for (const { index, contactId } of named) {
          expect(records[index]).toBeDefined();
          if (contactId !== null) expect(records[index]?.contactId).toBe(contactId);
        }
      }),
    );
  });
});
