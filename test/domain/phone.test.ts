import fc from 'fast-check';
import examples from 'libphonenumber-js/examples.mobile.json' with { type: 'json' };
import { getCountries, getExampleNumber, Metadata, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import { E164, normalizePhone, phoneProblem } from '../../src/domain/phone.ts';

describe('phone numbers', () => {
  it.each(['+14155550100', '+442071234567', '+15550100001', '+4915112345678'])('%s is valid', (number) => {
    expect(phoneProblem(number)).toBeNull();
  });

  it.each([
    '4155550100',
    '+0415555010',
    '+1 415 555 0100',
    '+1415555010x',
    '+',
    '',
    '+1234567890123456',
    '+14155550100\n',
  ])('%j is not E.164', (number) => {
    expect(phoneProblem(number)?.code).toBe('phone_not_e164');
  });

  it.each(['+12', '+1415555010', '+999123456', '+441', '+10000000000', '+11111111111'])(
    '%s is E.164, but no country has such numbers',
    (number) => {
      expect(phoneProblem(number)?.code).toBe('phone_not_possible');
    },
  );

  it.each([
    ['+4402070313000', 'has 0 after +44, which is dialled inside of the country only'],
    ['+49015112345678', 'has 0 after +49'],
    ['+610412345678', 'has 0 after +61'],
    ['+33012345678', null],
    ['+390612345678', null],
    ['+3726012345', null],
  ])('%s parses to itself, or the message says which number was meant', (number, message) => {
    const problem = phoneProblem(number);
    if (message !== null) expect(problem?.message).toContain(message);
    if (problem === null) expect(parsePhoneNumberFromString(number)?.number).toBe(number);
    expect(problem?.message ?? '').not.toMatch(/\d{5}/);
  });

  it('that are examples of the numbering plans are valid, and with a trunk prefix inside they are another number', () => {
    const accepted: string[] = [];
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      if (example === undefined) continue;
      expect(phoneProblem(example.number), example.number).toBeNull();
      const plan = new Metadata();
      plan.selectNumberingPlan(country);
      const prefix =
        (plan.numberingPlan as { nationalPrefix?: () => string | null }).nationalPrefix?.() ?? '';
      if (prefix === '' || example.countryCallingCode === '1') continue;
      const written = `+${example.countryCallingCode}${prefix}${example.nationalNumber}`;
      if (phoneProblem(written) === null) accepted.push(written);
    }
    // What is accepted is a number of its own.
    for (const number of accepted) expect(parsePhoneNumberFromString(number)?.number).toBe(number);
    expect(accepted.length).toBeLessThan(20);
  });

  it('that are valid parse to themselves', () => {
    fc.assert(
      fc.property(fc.stringMatching(E164), (number) => {
        if (phoneProblem(number) === null) expect(normalizePhone(number)).toBe(number);
      }),
      { numRuns: 2_000 },
    );
  });

  it('in E.164 are possible or not, and never throw', () => {
    fc.assert(
      fc.property(fc.stringMatching(E164), (number) => {
        expect([undefined, 'phone_not_possible']).toContain(phoneProblem(number)?.code);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('one spelling of a number', () => {
  it.each([
    ['(415) 555-0101', 'us', '+14155550101'],
    ['+44 (0)7700 900001', '', '+447700900001'],
    ['+4407700900001', 'US', '+447700900001'],
    ['+14155550101', 'DE', '+14155550101'],
  ])('of %s, %s is %s', (text, country, number) => {
    expect(normalizePhone(text, country)).toBe(number);
  });

  it.each(['4155550101', '+1415555', 'unknown', ''])('of %j there is none', (text) => {
    expect(normalizePhone(text)).toBeNull();
  });

  it('is what the numbering plans say, also for the numbers that need no parsing', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+1[2-9]\d{9}$/), (number) => {
        const parsed = parsePhoneNumberFromString(number);
        expect([parsed?.isPossible(), parsed?.number]).toEqual([true, number]);
        expect([phoneProblem(number), normalizePhone(number)]).toEqual([null, number]);
      }),
      { numRuns: 5_000 },
    );
  });
});
