import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/cxone/json.ts';

describe('JSON of CXone', () => {
  it('is what JSON.parse reads, apart from the digits that it drops', () => {
    const rounded = (value: unknown) =>
      JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
    fc.assert(
      fc.property(fc.json(), (json) => {
        const text = `[${json},1234567890123456]`;
        expect(rounded(parseJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it.each(['9007199254740993', '-9007199254740993', '12345678901234567890'])(
    'keeps every digit of %s',
    (digits) => {
      expect(parseJson(`{"id":${digits}}`)).toEqual({ id: BigInt(digits) });
    },
  );

  it('leaves numbers as they are that JSON.parse reads exactly, and fractions', () => {
    expect(parseJson('[9007199254740991, 0.12345678901234567, "9007199254740993"]')).toEqual([
      9007199254740991,
      0.12345678901234567,
      '9007199254740993',
    ]);
  });

  it('takes the last of two values of one key, and invents no prototype', () => {
    expect(parseJson('{"a":1,"a":2,"b":9007199254740993}')).toEqual({ a: 2, b: 9007199254740993n });
    const parsed = parseJson('{"__proto__":{"x":9007199254740993}}') as object;
    expect(Object.hasOwn(parsed, '__proto__')).toBe(true);
    expect('x' in parsed).toBe(false);
  });

  it('that is truncated or nested too deeply is an error', () => {
    expect(() => parseJson('{"id":9007199254740993')).toThrow(SyntaxError);
    expect(() => parseJson(`${'['.repeat(1_000_000)}9007199254740993`)).toThrow(RangeError);
  });
});
