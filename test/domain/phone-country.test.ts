import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContact } from '../../src/domain/contact-import/contacts.ts';
import { isPhoneCountry, readPhone } from '../../src/domain/phone.ts';

describe('a phone number with a country', () => {
  it.each([
    ['(415) 555-0101', 'US', '+14155550101'],
    ['415-555-0101', 'us', '+14155550101'],
    ['4155550101', 'US', '+14155550101'],
    ['1 415 555 0101', 'US', '+14155550101'],
    ['+44 (0)20 7031 3000', 'US', '+442070313000'],
    ['020 7031 3000', 'GB', '+442070313000'],
    ['0049 30 123456', 'DE', '+4930123456'],
    ['030/123456'.replace('/', ' '), 'DE', '+4930123456'],
    ['+14155550101', 'DE', '+14155550101'],
  ])('%s of %s is %s', (text, country, number) => {
    expect(readPhone(text, country)).toEqual({ number });
  });

  it.each([
    ['555-0101', 'US', 'phone_not_possible'],
    ['415 555 0101 x12', 'US', 'phone_not_possible'],
    ['415 555 0101 / 415 555 0102', 'US', 'phone_not_possible'],
    ['442070313000', 'US', 'phone_not_possible'],
    ['4930901820', 'US', 'phone_ambiguous'],
    ['+4402070313000', 'GB', 'phone_not_possible'],
    ['1.41556E+10', 'US', 'phone_not_e164'],
    ['call me', 'US', 'phone_not_possible'],
  ])('%s of %s is invalid, with the form that is expected', (text, country, code) => {
    const read = readPhone(text, country);
    expect('problem' in read && read.problem.code).toBe(code);
    expect(JSON.stringify(read)).not.toMatch(/\d{5}/);
  });

  it.each(['030/901820', 'call me'])(
    'is not said to be none of the country if it is written as %s',
    (text) => {
      const read = readPhone(text, 'DE');
      expect('problem' in read && read.problem.message).toMatch(/^has more than digits, spaces/);
    },
  );

  it('is never read without one', () => {
    expect(readPhone('4155550101')).toMatchObject({ problem: { code: 'phone_not_e164' } });
    expect([isPhoneCountry('US'), isPhoneCountry('us'), isPhoneCountry('XX'), isPhoneCountry('')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('is in E.164 and read once more as itself, whatever it is (property)', () => {
    const text = fc.oneof(fc.stringMatching(/^\+?[\d ().-]{5,18}$/), fc.string());
    fc.assert(
      fc.property(text, fc.constantFrom('US', 'GB', 'DE', 'AR', 'IT', 'MX'), (written, country) => {
        const read = readPhone(written, country);
        if ('number' in read) expect(readPhone(read.number)).toEqual({ number: read.number });
      }),
      { numRuns: 3_000 },
    );
  });

  it('is what a contact gets', () => {
    const row = {
      contactId: '1',
      phone: '(415) 555-0101',
      consentTimestamp: '2026-01-01',
      optInStatus: 'confirmed',
    };
    const now = new Date('2026-02-01');
    expect(readContact(row, null, now, {}, 'US')).toMatchObject({
      contact: { phoneNumbers: [{ type: 'mobile', number: '+14155550101' }] },
    });
    expect(readContact(row, null, now)).toMatchObject({
      reasons: [{ code: 'phone_not_e164', field: 'phone' }],
    });
  });
});
