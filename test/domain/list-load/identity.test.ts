import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readSuppressionEntry,
  suppressionColumnProblems,
} from '../../../src/domain/consent/suppression-file.ts';
import { identifyEntry } from '../../../src/domain/identifiers.ts';
import { identifiersOf, toKey } from '../../../src/domain/list-load/identity.ts';

const item = (values: Readonly<Record<string, string>>) => ({
  fields: Object.entries(values).map(([name, value]) => ({ name, value })),
});
const GUID = '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed';

describe('the identifiers of an item', () => {
  it('are its numbers, addresses and contact id, whatever the fields are called', () => {
    const values = {
      phone_number: '+14155550101',
      Mobile: ' +14155550102 ',
      email: 'Ann@Example.COM',
      'other mail': 'ann@example.org',
      contact_id: `{${GUID.toUpperCase()}}`,
      plan: 'gold',
    };
    expect(identifiersOf(item(values))).toEqual([
      'phone:+14155550101',
      'phone:+14155550102',
      'email:ann@example.com',
      'email:ann@example.org',
      `contact:${GUID}`,
    ]);
  });

  it.each([
    ['contact_id', 'ann@example.com', ['contact:ann@example.com', 'email:ann@example.com']],
    ['contact_id', '+14155550101', ['contact:+14155550101', 'phone:+14155550101']],
    ['email', '+14155550101', ['phone:+14155550101']],
    ['email', 'Ann <Ann@example.com>', ['email:ann@example.com']],
    ['email', 'a@x.com;b@x.com', ['email:a@x.com', 'email:b@x.com']],
    ['mails', 'a@x.com, b@x.com|c@x.com d@x.com', ['a', 'b', 'c', 'd'].map((name) => `email:${name}@x.com`)],
    ['mail', 'mailto:ann@example.com', ['email:ann@example.com']],
    ['Mobile', '+1 415-555-0101', ['phone:+14155550101']],
    ['Mobile', '+1 415-555-0101; +1 (415) 555 0102', ['phone:+14155550101', 'phone:+14155550102']],
    ['Mobile', 'Ann +14155550101', ['phone:+14155550101']],
    ['note', 'call at 5+ or @noon', []],
  ])('in %s, %j is found', (name, value, identifiers) => {
    expect(identifiersOf(item({ [name]: value })).toSorted()).toEqual(identifiers);
  });
});

describe('an entry of a suppression list', () => {
  it.each([
    [{ phoneNumber: '(415) 555-0101', country: 'us' }, 'phone:+14155550101'],
    [{ phoneNumber: '+1 415-555-0101' }, 'phone:+14155550101'],
    [{ phoneNumber: 'tel:+1-415-555-0101;ext=5' }, 'phone:+14155550101'],
    [{ phoneNumber: '+44 (0)7700 900001', country: 'US' }, 'phone:+447700900001'],
    [{ phoneNumber: '0041 44 668 18 00', country: 'DE' }, 'phone:+41446681800'],
    [{ emailAddress: ' ANN@Example.com ' }, 'email:ann@example.com'],
    [{ emailAddress: 'ann@BÜCHER.example' }, 'email:ann@xn--bcher-kva.example'],
    [{ contactId: GUID.toUpperCase() }, `contact:${GUID}`],
    [{ contactId: 'D-4', phoneNumber: ' ' }, 'contact:d-4'],
  ])('%j identifies %s', (entry, identifier) => {
    expect(identifyEntry(entry)).toEqual({ identifiers: [identifier], isClear: true });
  });

  it('identifies somebody by an id that is an address or a number', () => {
    expect(identifyEntry({ contactId: 'Ann@example.com' })).toEqual({
      identifiers: ['contact:ann@example.com', 'email:ann@example.com'],
      isClear: true,
    });
    expect(identifyEntry({ contactId: '+14155550101' }).identifiers).toContain('phone:+14155550101');
  });

  it.each([
    [{ phoneNumber: '41555501', emailAddress: 'a@b.c' }, ['email:a@b.c']],
    [{ phoneNumber: '(415) 555-0101', contactId: 'D-9' }, ['contact:d-9']],
    [{ phoneNumber: ['+14155550101', '41555501'] }, ['phone:+14155550101']],
    [
      { phoneNumber: '+14155550101', emailAddress: 'a@x.com;b@x.com' },
      ['phone:+14155550101', 'email:a@x.com', 'email:b@x.com'],
    ],
    [{ emailAddress: 'Ann <ann@example.com>' }, ['email:ann@example.com']],
    [{ phoneNumber: '4155550101', country: ['US', 'CA'], contactId: 'D-9' }, ['contact:d-9']],
    [{ contactId: 'D-9', isPartial: true }, ['contact:d-9']],
  ])('%j is not clear, and what can be read of it counts', (entry, identifiers) => {
    expect(identifyEntry(entry)).toEqual({ identifiers, isClear: false });
  });

  it.each([
    {},
    { phoneNumber: '', emailAddress: ' ', contactId: null },
    { phoneNumber: '41555501', country: 'US' },
    // Whose number it is depends on the country: 41 is also Switzerland.
    { phoneNumber: '4155550101' },
    { phoneNumber: '14155550101', country: 'Atlantis' },
    { phoneNumber: 'unknown', country: 'US' },
    { emailAddress: 'nobody' },
  ])('%j identifies nobody', (entry) => {
    expect(identifyEntry(entry)).toEqual({ identifiers: [], isClear: false });
  });

  it('finds the item with the same number, address or id, however each is written', () => {
    const digits = fc.stringMatching(/^[2-9]\d{9}$/);
    const separator = fc.constantFrom('', ' ', '-', '.', '\u00a0');
    fc.assert(
      fc.property(digits, separator, (number, sep) => {
        const written = [number.slice(0, 3), number.slice(3, 6), number.slice(6)].join(sep);
        const [suppressed] = identifiersOf(item({ phone2: `+1${number}` }));
        expect(identifyEntry({ phoneNumber: written, country: 'US' }).identifiers).toEqual([suppressed]);
        expect(identifyEntry({ phoneNumber: `+1${sep}${written}` }).identifiers).toEqual([suppressed]);
      }),
    );
    const address = fc.emailAddress();
    fc.assert(
      fc.property(address, (email) => {
        const { identifiers: upper } = identifyEntry({ emailAddress: ` ${email.toUpperCase()} ` });
        expect(upper).toEqual(identifiersOf(item({ email })));
        expect(upper).toEqual(identifiersOf(item({ anything: email })));
      }),
    );
  });
});

describe('a file of people who must not be called', () => {
  it('has columns in any spelling, and others', () => {
    expect(
      readSuppressionEntry({ 'Phone Number': ' +1 ', EMAIL: 'a@example.com', 'contact-id': 7, x: 1 }),
    ).toEqual({
      phoneNumber: ['+1'],
      emailAddress: ['a@example.com'],
      contactId: ['7'],
    });
    expect(readSuppressionEntry({ phone: '+1', phoneNumber: '', country: null })).toEqual({
      phoneNumber: ['+1'],
    });
  });

  it('may have several numbers in a row, which all count', () => {
    const row = { contactId: '', phone: '+14155550101', 'Phone 2': '(415) 555-0102', phone9: '+14155550103' };
    expect(identifyEntry(readSuppressionEntry({ ...row, country: 'US' }))).toEqual({
      identifiers: ['phone:+14155550101', 'phone:+14155550102', 'phone:+14155550103'],
      isClear: true,
    });
  });

  it.each([
    [{ phone: '+14155550101', mobile: '4155550102' }],
    [{ phone: '+14155550101', phone2: ['+14155550102'] }],
    [{ phone: '+14155550101', contactId: { id: 'c1' } }],
    [{ phone: '+14155550101', contactId: 2 ** 53 }],
  ])('is not clear in the row %j', (row) => {
    expect(identifyEntry(readSuppressionEntry(row))).toEqual({
      identifiers: ['phone:+14155550101'],
      isClear: false,
    });
  });

  it('is refused with columns that look as if they said who is meant, and would be ignored', () => {
    const harmless = [
      'contactId',
      'phone',
      'phone1',
      'phone9',
      'email',
      'country',
      'reason',
      'hotel',
      'cancelled',
    ];
    expect(suppressionColumnProblems([...harmless, 'name', 'phone type', 'emailed at'])).toEqual([]);
    const suspects = [
      'mobile',
      'phone_number_2',
      'phone10',
      'E-Mail 2',
      'Customer ID',
      'guid',
      'Telefon',
      'WorkTel',
    ];
    for (const column of suspects)
      expect(suppressionColumnProblems(['phone', column])).toEqual([
        expect.stringContaining(`"${column}" would be ignored, but may say who must not be called`),
      ]);
    const [kept] = suppressionColumnProblems(['phone', 'bob@example.mail'], 'history');
    expect(kept).toMatch(/^1 of the columns would be ignored/);
    expect(kept).not.toContain('bob');
  });

  it('is refused without a column that says who they are', () => {
    expect(suppressionColumnProblems(['Mobile', 'reason'])).toEqual([
      expect.stringContaining('Name one of them phoneNumber, phone, emailAddress, email, contactId'),
    ]);
    expect(suppressionColumnProblems(['phone', 'Phone'])).toEqual([
      expect.stringContaining('Several columns'),
    ]);
    expect(suppressionColumnProblems(null)).toEqual([]);
  });
});

describe('a deduplication key', () => {
  it('is the same in every field if it is a number or an address', () => {
    expect(toKey({ name: 'phone_number', value: '+14155550101' })).toBe(
      toKey({ name: 'phone2', value: '+14155550101' }),
    );
    expect(toKey({ name: 'email', value: 'A@example.com' })).toBe(
      toKey({ name: 'mail', value: 'a@example.com' }),
    );
  });

  it('counts within its own field otherwise, with its case, but a GUID in any spelling', () => {
    expect(toKey({ name: 'account', value: 'A1' })).not.toBe(toKey({ name: 'contact_id', value: 'A1' }));
    expect(toKey({ name: 'account', value: 'A1' })).not.toBe(toKey({ name: 'account', value: 'a1' }));
    expect(toKey({ name: 'Account', value: `{${GUID.toUpperCase()}}` })).toBe(
      toKey({ name: 'account', value: GUID }),
    );
  });
});
