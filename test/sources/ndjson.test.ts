import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeName } from '../../src/domain/columns.ts';
import { listVerdicts, open, readRows } from './harness.ts';

const noBadText = (value: unknown): boolean => !/\\u(0000|d[89a-f])/.test(JSON.stringify(value));

/** A row without any value is no record. */
const withValue = (object: object) => ({ ...object, always: 1 });

describe('NDJSON', () => {
  it('is read back unchanged, wherever its chunks end', async () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()).filter(noBadText).map(withValue);
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

  it.each(['ndjson', 'json'] as const)('has no record for a row without any value: %s', async (format) => {
    const rows = [
      '{"a":1}',
      '{}',
      '{"a":null}',
      '{"a":"","b":" \\t","c":"\u00a0","d":"\\u200b\ufeff"}',
      '{"phoneNumbers":[],"customFields":{},"list":[null,{"x":""}]}',
      '{"a":0}',
      '{"a":false}',
      '{"a":null,"b":[[" "],"x"]}',
      '{"a":"","a":""}',
    ];
    const text = format === 'json' ? `[${rows.join(',\n')}]` : rows.join('\n');
    expect(await listVerdicts(text, format)).toEqual(['1 ok', '6 ok', '7 ok', '8 ok', '9 row_repeated_key']);
    const blank = format === 'json' ? '[{},{"a":null}]' : '{}\n{"a":null}\n';
    await expect(readRows(blank, format)).rejects.toMatchObject({ code: 'source_empty' });
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

describe('a key that is there twice', () => {
  it.each([
    ['{"a":1,"a":2}', 2, 8],
    ['{"a":1,"b":{"c":1,"c":1}}', 13, 19],
    ['{"a":1,"\\u0061":2}', 2, 8],
    ['{ "x":"\\":", "a" : [{"b":0,\t"b" :0}] }', 22, 29],
  ])('%s breaks its row, which says where', async (text, first, second) => {
    const [row, next] = await readRows(`${text}\n{"a":3}\n`, 'ndjson');
    expect(row?.broken?.code).toBe('row_repeated_key');
    expect(row?.broken?.message).toContain(`characters ${first} and ${second}`);
    expect(next?.fields).toEqual({ a: 3 });
  });

  it('leaves all its values legible, because one of them may be an objection', async () => {
    const [row] = await readRows('{"optIn":false,"optIn":true,"id":1,"optIn":"no"}\n', 'ndjson');
    const legible = Object.entries(row?.legible ?? {});
    expect(legible.map(([key, value]) => [normalizeName(key), value])).toEqual([
      ['optin', false],
      ['optin', true],
      ['id', 1],
      ['optin', 'no'],
    ]);
  });

  it('is found in any row, and nothing else is', async () => {
    const row = fc.dictionary(fc.string(), fc.jsonValue()).filter(noBadText).map(withValue);
    await fc.assert(
      fc.asyncProperty(row, fc.boolean(), async (fields, isRepeated) => {
        const text = JSON.stringify(fields);
        const [key = ''] = Object.keys(fields);
        const repeated = `${text.slice(0, -1)},${JSON.stringify(key)}:0}`;
        const [read] = await readRows(`${isRepeated ? repeated : text}\n`, 'ndjson');
        expect(read?.broken?.code).toBe(isRepeated ? 'row_repeated_key' : undefined);
      }),
    );
  });
});

describe('a number', () => {
  it('is the text as it is written where JSON.stringify would write another', async () => {
    const numbers = ['1.10', '1e3', '10.0', '-0', '0.12345678901234567890', '12345678.123456789012', '5E-2'];
    for (const number of numbers) {
      const text = `{"a": ${number}, "customFields": {"b":${number}}, "fields":[{"name":"c","value":${number}}]}`;
      const [row] = await readRows(`${text}\n`, 'ndjson');
      expect(row?.fields, number).toEqual({
        a: number,
        customFields: { b: number },
        fields: [{ name: 'c', value: number }],
      });
    }
    const [row] = await readRows('{"a":[0,-1.5,901,1.1,true,"1.10"],"b":{"c":1.10}}\n', 'ndjson');
    expect(row?.fields).toEqual({ a: [0, -1.5, 901, 1.1, true, '1.10'], b: { c: 1.1 } });
  });

  it('that would lose digits inside of a nested value breaks the row', async () => {
    expect(await listVerdicts('{"a":{"b":[0.12345678901234567890]}}\n{"a":{"b":0.5}}\n', 'ndjson')).toEqual([
      '1 row_number_not_exact',
      '2 ok',
    ]);
  });
});
