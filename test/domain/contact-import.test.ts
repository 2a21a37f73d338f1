import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Contact,
  readContact,
  resolveContactColumns,
} from '../../src/domain/contact-import/contacts.ts';
import { toRoundedText } from '../../src/domain/numbers.ts';

const NOW = new Date('2026-06-15T12:00:00.000Z');
const ROW = {
  contactId: 'crm-1',
  phone: '+14155550100',
  consentTimestamp: '2024-11-01T09:15:00Z',
  optInStatus: 'confirmed',
};

function read(change: Record<string, unknown> = {}, map?: Record<string, string>) {
  return readContact({ ...ROW, ...change }, null, NOW, map);
}
function readValid(change: Record<string, unknown> = {}): Contact {
  const answer = read(change);
  if ('reasons' in answer) throw new Error(JSON.stringify(answer.reasons));
  return answer.contact;
}
function listCodes(change: Record<string, unknown>): readonly string[] {
  const answer = read(change);
  return 'reasons' in answer ? answer.reasons.map((reason) => reason.code) : [];
}
function daysAgo(days: number, ms = 0): string {
  return new Date(NOW.getTime() - days * 86_400_000 - ms).toISOString();
}

describe('a contact', () => {
  it('has trimmed texts, default types, and custom fields from the other columns', () => {
    const header = [
      'Contact ID',
      'Phone 1',
      'Phone 2',
      'Type 2',
      'Consent Timestamp',
      'Opt In Status',
      'City',
      'Note',
    ];
    const answer = resolveContactColumns(header);
    if ('problems' in answer) throw new Error('unresolved');
    const cells = [' crm-1 ', '', '+442071234567', 'work', '2024-11-01', ' Pending', ' Zürich ', '  '];
    const row = Object.fromEntries(header.map((column, index) => [column, cells[index]]));
    expect(readContact(row, answer.columns, NOW)).toEqual({
      contact: {
        contactId: 'crm-1',
        phoneNumbers: [{ type: 'work', number: '+442071234567' }],
        customFields: { City: ' Zürich ' },
        consentTimestamp: '2024-11-01T00:00:00.000Z',
        optInStatus: 'pending',
      },
    });
  });

  it('has up to nine phone numbers with types, ordered by number and not by position', () => {
    const header = ['contactId', 'consentTimestamp', 'optInStatus'];
    const phones = Array.from({ length: 9 }, (_, n) => [`type${9 - n}`, `phone${9 - n}`]).flat();
    const answer = resolveContactColumns([...header, ...phones]);
    if ('problems' in answer) throw new Error('unresolved');
    const cells = phones.map((name) =>
      name.startsWith('type') ? `t${name.slice(4)}` : `+1415555010${name.slice(5)}`,
    );
    const row = {
      ...Object.fromEntries(phones.map((name, i) => [name, cells[i]])),
      contactId: 'crm-1',
      consentTimestamp: '2024-11-01',
      optInStatus: 'confirmed',
    };
    const read = readContact(row, answer.columns, NOW);
    expect('contact' in read && read.contact.phoneNumbers).toEqual(
      Array.from({ length: 9 }, (_, n) => ({ type: `t${n + 1}`, number: `+1415555010${n + 1}` })),
    );
  });

  it('keeps a type without a phone number as a custom field', () => {
    const answer = resolveContactColumns([...Object.keys(ROW), 'type', 'type3', 'City']);
    if ('problems' in answer) throw new Error('unresolved');
    const row = { ...ROW, type: 'work', type3: 'VIP', City: 'Bonn' };
    expect(readContact(row, answer.columns, NOW)).toMatchObject({
      contact: { phoneNumbers: [{ type: 'work' }], customFields: { City: 'Bonn', type3: 'VIP' } },
    });
  });

  it('is invalid if JSON has rounded a number', () => {
    const fields = JSON.parse('{"account": 12345678901234567890, "age": 41, "share": 0.1}') as object;
    expect(read({ ...fields })).toEqual({
      reasons: [
        {
          code: 'number_not_exact',
          field: 'account',
          message: 'too long for a JSON number; put it in quotes',
        },
      ],
    });
    expect(listCodes({ account: 41, share: 0.1 })).toEqual([]);
  });

  it("may have the shape of CXone's own API", () => {
    const row = {
      contactId: 'crm-1',
      phoneNumbers: [{ type: 'work', number: '+442071234567' }, { number: '+14155550100' }],
      customFields: { city: 'Bonn', age: 41, vip: true, tags: ['a', 'b'], gone: null, none: '' },
      consentTimestamp: '2024-11-01T09:15:00+01:00',
      optInStatus: 'confirmed',
    };
    expect(readContact(row, null, NOW)).toEqual({
      contact: {
        ...row,
        phoneNumbers: [
          { type: 'work', number: '+442071234567' },
          { type: 'mobile', number: '+14155550100' },
        ],
        customFields: { city: 'Bonn', age: '41', vip: 'true', tags: '["a","b"]' },
        consentTimestamp: '2024-11-01T08:15:00.000Z',
      },
    });
  });

  it('has the phone numbers of mapped keys before those of phoneNumbers', () => {
    const { phone: _, ...row } = ROW;
    const answer = readContact(
      { ...row, Mobil: '+14155550100', phoneNumbers: ['+442071234567'] },
      null,
      NOW,
      {
        phone: 'Mobil',
      },
    );
    expect(answer).toMatchObject({
      contact: { phoneNumbers: [{ number: '+14155550100' }, { number: '+442071234567' }] },
    });
  });

  it('is invalid with every reason at once, each with the field as the source names it', () => {
    const row = {
      'Contact-ID': '',
      Phone: '0171',
      phone_2: '+12',
      Consent_Timestamp: 'soon',
      'opt in status': 'maybe',
    };
    const answer = readContact(row, null, NOW);
    expect('reasons' in answer && answer.reasons.map(({ code, field }) => [code, field])).toEqual([
      ['contact_id_missing', 'Contact-ID'],
      ['phone_not_e164', 'Phone'],
      ['phone_not_possible', 'phone_2'],
      ['consent_not_a_date', 'Consent_Timestamp'],
      ['opt_in_status_invalid', 'opt in status'],
    ]);
  });

  it('is invalid if the row is empty', () => {
    const answer = readContact({}, null, NOW);
    expect('reasons' in answer && answer.reasons.map(({ code }) => code)).toEqual([
      'contact_id_missing',
      'phone_missing',
      'consent_missing',
      'opt_in_status_missing',
    ]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ contactId: null }, 'contact_id_missing'],
    [{ contactId: '12345678901234567890', phone: '' }, 'phone_missing'],
    [{ contactId: 1e20 }, 'contact_id_not_exact'],
    [{ contactId: { a: 1 } }, 'contact_id_not_text'],
    [{ contactId: true }, 'contact_id_not_text'],
    [{ phone: 14155550100 }, 'phone_not_e164'],
    [{ phoneNumbers: '+14155550100' }, 'phone_numbers_not_a_list'],
    [{ phoneNumbers: [{ type: 'work' }] }, 'phone_missing'],
    [{ customFields: ['a'] }, 'custom_fields_not_an_object'],
    [{ optInStatus: '' }, 'opt_in_status_missing'],
    [{ Phone: '+14155550101' }, 'field_ambiguous'],
  ])('%j is invalid: %s', (change, code) => {
    expect(listCodes(change)).toEqual([code]);
  });

  it('may have a JSON number as its contactId', () => {
    expect(readValid({ contactId: 4711 }).contactId).toBe('4711');
  });

  it('is valid with a consent of exactly 1,825 days, and too old a millisecond later', () => {
    expect(listCodes({ consentTimestamp: daysAgo(1_825) })).toEqual([]);
    expect(listCodes({ consentTimestamp: daysAgo(1_825, 1) })).toEqual(['consent_too_old']);
  });

  it('is valid with a consent five minutes ahead of our clock, but not a millisecond more', () => {
    expect(listCodes({ consentTimestamp: daysAgo(0, -300_000) })).toEqual([]);
    expect(listCodes({ consentTimestamp: daysAgo(0, -300_001) })).toEqual(['consent_in_future']);
  });

  it('may have fields with names such as __proto__ and constructor', () => {
    const row = JSON.parse(
      '{"__proto__": "a", "constructor": "b", "customFields": {"__proto__": "c"}}',
    ) as object;
    const contact = readValid(row as Record<string, unknown>);
    expect(contact.customFields['constructor']).toBe('b');
    expect(Object.hasOwn(readWithOwnProto(row).customFields, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('is valid or invalid for any row, and reasons never contain a value', () => {
    const keys = fc.constantFrom(
      'contactId',
      'phone',
      'type',
      'consentTimestamp',
      'optInStatus',
      'phoneNumbers',
      'x',
    );
    const secret = fc.oneof(
      fc.constant('S3CRET'),
      fc.constant('+S3CRET'),
      fc.jsonValue(),
      fc.constant({ number: 'S3CRET' }),
    );
    fc.assert(
      fc.property(fc.dictionary(keys, fc.oneof(secret, fc.array(secret))), (row) => {
        const answer = readContact(row, null, NOW);
        if ('reasons' in answer) expect(answer.reasons.length).toBeGreaterThan(0);
        expect(JSON.stringify('reasons' in answer ? answer : {})).not.toContain('S3CRET');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read back unchanged', () => {
    const contact = readValid({ type: 'work', city: 'Bonn' });
    expect(readContact({ ...contact }, null, NOW)).toEqual({ contact });
  });
});

function readWithOwnProto(change: object): Contact {
  const answer = readContact(
    Object.assign(Object.create(null) as object, ROW, { customFields: {} }, change),
    null,
    NOW,
  );
  // Object.assign would lose the row's own __proto__ with an ordinary object as its target.
  if ('reasons' in answer) throw new Error(JSON.stringify(answer.reasons));
  return answer.contact;
}

describe('a cell with characters that nobody sees', () => {
  it('is read without them where it says who is meant', () => {
    for (const phone of [
      '\u202a+14155550121\u202c',
      '+1415\u200b5550121',
      '+1\ufe0d4155550121',
      '+14155550121\u00a0',
    ])
      expect(readValid({ phone }).phoneNumbers, phone).toEqual([{ type: 'mobile', number: '+14155550121' }]);
    expect(readValid({ contactId: 'I-1\u200e', optInStatus: '\ufeffconfirmed' })).toMatchObject({
      contactId: 'I-1',
      optInStatus: 'confirmed',
    });
    expect(readValid({ City: 'Z\u00fc\u200brich' }).customFields).toEqual({ City: 'Z\u00fc\u200brich' });
  });

  it('is not guessed at if its digits are those of another script', () => {
    expect(
      listCodes({ phone: '+\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff12\uff15' }),
    ).toEqual(['phone_not_e164']);
  });
});

describe('an id that a spreadsheet or a program has damaged', () => {
  it.each(['1.00045E+11', '1,00045E+11', '100045000001.0', 2 ** 60, 1.5e300])(
    '%j is not exact',
    (contactId) => {
      expect(listCodes({ contactId })).toEqual(['contact_id_not_exact']);
    },
  );

  it.each(['#N/A', '#REF!', 'NULL', 'NaN', '{8d1e4b7a-2c63-4f90-b5a8-6e0f3d92c714'])(
    '%j is unreadable',
    (contactId) => {
      expect(listCodes({ contactId })).toEqual(['contact_id_unreadable']);
    },
  );

  it.each(['100045000001', '1E5-NORTH', 100045000001])('%j is none', (contactId) => {
    expect(readValid({ contactId }).contactId).toBe(String(contactId));
  });
});

describe('a number in a custom field', () => {
  it('is refused if it cannot be written as it is', () => {
    for (const value of [
      2 ** 60,
      { a: [2 ** 60] },
      Number.POSITIVE_INFINITY,
      [Number.NaN],
      toRoundedText(1e21),
    ])
      expect(listCodes({ account: value }), JSON.stringify(value)).toEqual(['number_not_exact']);
    expect(readValid({ account: '1.10', score: 0.5, nested: { a: 1 } }).customFields).toEqual({
      account: '1.10',
      score: '0.5',
      nested: '{"a":1}',
    });
  });
});
