import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listVerdicts, open, readRows } from './harness.ts';

const noBadText = (value: unknown): boolean => !/\\u(0000|d[89a-f])/.test(JSON.stringify(value));

describe('NDJSON', () => {
  it('is read back unchanged, wherever its chunks end', async () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()).filter(noBadText);
    const objects = fc.array(object, { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(objects, fc.array(fc.nat(300)), async (given, cuts) => {
        const text = given.map((item) => JSON.stringify(item)).join('\r\n');
        const read = await readRows(text, 'ndjson', cuts);
        expect(read.map((row) => JSON.stringify(row.fields))).toEqual(
          given.map((item) => JSON.stringify(item)),
        );
        expect(read.map((row) => row.line)).toEqual(given.map((_, index) => index + 1));
      }),
    );
  });

  it('has no header and may have blank lines, and is read on after every kind of broken row', async () => {
    const text = [
      '{"a":1}',
      '',
      '{"a":',
      '"text"',
      '[1]',
      'null',
      '{"a":"\\u0000"}',
      '{"a":{"b":"\\ud800"}}',
      '{"\\udc00":1}',
      '{"a":"\\\\u0000 \\ud83d\\ude00"}',
      `{"a":"${'x'.repeat(1_000_000)}"}`,
      `{"a":"${'x'.repeat(100_001)}"}`,
      `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      '{"a":2}',
    ].join('\n');
    expect((await open(text, 'ndjson')).columns).toBeNull();
    expect(await listVerdicts(text, 'ndjson')).toEqual([
      '1 ok',
      '3 row_not_json',
      '4 row_not_an_object',
      '5 row_not_an_object',
      '6 row_not_an_object',
      '7 row_not_text',
      '8 row_not_text',
      '9 row_not_text',
      '10 ok',
      '11 row_too_large',
      '12 row_field_too_large',
      '13 row_too_deep',
      '14 ok',
    ]);
  });

  it('has broken rows for numbers beyond those of JSON, which would be written as null', async () => {
    const text = ['{"a":1e999}', '{"a":{"b":[-1e999]}}', '{"a":1e308}', '{"a":"1e999"}'].join('\n');
    expect(await listVerdicts(text, 'ndjson')).toEqual([
      '1 row_number_too_large',
      '2 row_number_too_large',
      '3 ok',
      '4 ok',
    ]);
  });

  it.each(['"a\\u0000"', '"a\\ud800"', '1e999', '{"\\udc00":1}'])(
    'has what is legible of a row with %s, which may be an objection',
    async (value) => {
      const [row] = await readRows(`{"optIn":false,"note":${value},"cxflow_line":1}\n`, 'ndjson');
      expect(row?.broken).toBeDefined();
      expect(row?.fields).toBeUndefined();
      expect(row?.legible).toMatchObject({ optIn: false });
      expect(Object.keys(row?.legible ?? {})).toEqual(['optIn', 'note']);
      expect(JSON.stringify(row?.legible)).not.toMatch(/\\u(0000|d[89a-f])/);
    },
  );

  it('has the text of a broken row in the row, but no value of it in the reason', async () => {
    const [row] = await readRows('{"phone": +4917112345}\n', 'ndjson');
    expect(row?.raw).toBe('{"phone": +4917112345}');
    expect(JSON.stringify(row?.broken)).not.toContain('4917');
  });

  it('loses keys that begin with cxflow_, and may have a key __proto__', async () => {
    const [row] = await readRows('{"cxflow_line":3,"__proto__":{"x":1},"a":1}\n', 'ndjson');
    expect(Object.keys(row?.fields ?? {})).toEqual(['__proto__', 'a']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
