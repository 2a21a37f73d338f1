/** What a row of an imported suppression list means. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHANNELS } from '../../src/domain/consent/eligibility.ts';
import { readSuppressionRow, suppressionHeaderProblems } from '../../src/domain/consent/suppression-rows.ts';
import {
  formatExportedKey,
  parseExportedKey,
  SUPPRESSION_KINDS,
} from '../../src/domain/consent/suppressions.ts';

const RULES = { keyId: '0123456789abcdef', now: new Date('2026-11-29T12:00:00Z'), reason: 'imported' };
const read = (fields: Readonly<Record<string, unknown>>) => readSuppressionRow(fields, {}, RULES);
const entry = (more: object) => ({ channel: 'email', reason: 'imported', code: null, ...more });

describe('a row', () => {
  it('stands for an entry for everybody it names, on each channel', () => {
    const since = '2026-11-01T00:00:00.000Z';
    expect(
      read({
        Email: 'Ann@Example.com',
        phone2: '415 555 0101',
        country: 'US',
        channel: 'SMS, email',
        since: '2026-11-01',
      }),
    ).toEqual({
      entries: [
        entry({ target: { kind: 'email', value: 'ann@example.com' }, since }),
        entry({ target: { kind: 'email', value: 'ann@example.com' }, channel: 'sms', since }),
        entry({ target: { kind: 'phone', value: '+14155550101' }, since }),
        entry({ target: { kind: 'phone', value: '+14155550101' }, channel: 'sms', since }),
      ],
    });
  });

  it('without channel, reason and date counts on every channel from now on; a bounce on email', () => {
    const target = { kind: 'contact', value: 'C1' };
    const since = RULES.now.toISOString();
    expect(read({ contactId: ' C1 ' })).toEqual({
      entries: CHANNELS.map((channel) => entry({ target, channel, since })),
    });
    expect(read({ email: 'a@example.com', reason: 'hard_bounce', code: '5.1.1' })).toMatchObject({
      entries: [{ channel: 'email', reason: 'hard_bounce', code: '5.1.1' }],
    });
  });

  it.each([
    [{}, /^names nobody/],
    [{ email: 'a@example.com, b@example.com' }, /^email has several addresses/],
    [{ email: 'a@example.com', mobile: '1' }, /^has a column that seems to name somebody/],
    [{ phone: '415 555 0101' }, /^phone is not one possible number with its country code/],
    [{ contactId: 1.5 }, /^has a column that seems to name somebody/],
    [{ contactId: 'c', channel: 'email; fax' }, /^channel must be all, or some of/],
    [{ contactId: 'c', code: '550 5.1.1 no such user' }, /^code must be a short code/],
    [{ contactId: 'c', reason: 'user ann@example.com unknown' }, /^reason must not have an address/],
    [{ contactId: 'c', since: '01.11.2026' }, /^since must be a date/],
    [{ contactId: 'c', since: '2026-12-24' }, /^since must not be in the future/],
    [{ entry: 'ann@example.com' }, /^entry is not from an export/],
    [{ entry: `email.${'f'.repeat(16)}.${'0'.repeat(64)}` }, /^entry is from another ledger/],
  ])('%j is refused', (fields, problem) => {
    expect(read(fields)).toEqual({ problems: [expect.stringMatching(problem)] });
  });

  it('of an export is about its keyed hash', () => {
    const subject = 'ab'.repeat(32);
    const key = formatExportedKey({ kind: 'phone', keyId: RULES.keyId, subject });
    expect(read({ entry: key, channel: 'voice' })).toMatchObject({
      entries: [{ target: { kind: 'phone', subject } }],
    });
  });

  it('is read whatever it has, and no problem contains a value of it (property)', () => {
    const secret = 'Xq7Zw9';
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => `${text}${secret}`),
      fc.constantFrom(`${secret}@@`, `+${secret}`, `${secret}@example.com`, { [secret]: [secret] }, [secret]),
      fc.jsonValue(),
    );
    const names = [
      'email',
      'phone',
      'phone3',
      'contactId',
      'country',
      'channel',
      'reason',
      'code',
      'since',
      'entry',
    ];
    const row = fc.dictionary(fc.constantFrom(...names, 'E-Mail', 'mobile', '__proto__'), value);
    fc.assert(
      fc.property(row, (fields) => {
        const result = read(fields);
        if ('problems' in result) {
          expect(result.problems.length).toBeGreaterThan(0);
          expect(result.problems.join()).not.toContain(secret);
        } else expect(result.entries.length).toBeGreaterThan(0);
      }),
    );
  });
});

it('an exported key is read as it was written (property)', () => {
  const digits = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
  const key = fc.record({
    kind: fc.constantFrom(...SUPPRESSION_KINDS),
    keyId: digits(16),
    subject: digits(64),
  });
  fc.assert(
    fc.property(key, (each) => {
      expect(parseExportedKey(formatExportedKey(each))).toEqual(each);
    }),
  );
});

it('a header has to name somebody, and nothing that names somebody is overlooked', () => {
  expect(suppressionHeaderProblems(['E-Mail', 'status'])).toEqual([]);
  expect(suppressionHeaderProblems(['entry', 'channel'])).toEqual([]);
  expect(suppressionHeaderProblems(['name'])).toEqual([expect.stringContaining('No column says who')]);
  expect(suppressionHeaderProblems(['email', 'customer id'])).toEqual([
    expect.stringContaining('"customer id"'),
  ]);
  expect(suppressionHeaderProblems(['recipient', 'when'], { email: 'recipient', since: 'when' })).toEqual([]);
  expect(suppressionHeaderProblems(['email'], { phone: 'mobile' })).toEqual([
    expect.stringContaining('"mobile"'),
  ]);
});
