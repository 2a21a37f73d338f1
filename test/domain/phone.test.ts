import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { E164, phoneProblem } from '../../src/domain/phone.ts';

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

  it.each(['+12', '+1415555010', '+999123456', '+441'])(
    '%s is E.164, but no country has such numbers',
    (number) => {
      expect(phoneProblem(number)?.code).toBe('phone_not_possible');
    },
  );

  it('in E.164 are possible or not, and never throw', () => {
    fc.assert(
      fc.property(fc.stringMatching(E164), (number) => {
        expect([undefined, 'phone_not_possible']).toContain(phoneProblem(number)?.code);
      }),
      { numRuns: 2_000 },
    );
  });
});
