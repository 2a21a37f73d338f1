import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasValue } from '../../src/domain/fields.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../src/domain/source-limits.ts';
import type { SourceError } from '../../src/sources/errors.ts';
import { listVerdicts, open, readRows } from './harness.ts';

const noBadText = (value: unknown): boolean => !/\\u(0000|d[89a-f])/.test(JSON.stringify(value));
/** A row without any value is no record. */
const object = fc
  .dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }))
  .filter(noBadText)
  .map((each) => ({ ...each, always: 1 }));

/** Line, code and message of the error; null: none. */
const readError = (text: string) =>
  readRows(text, 'json').then(
    () => null,
    (error: SourceError) => `${error.line ?? '-'} ${error.code}: ${error.message}`,
  );

describe('a JSON array', () => {
  it('is read back unchanged, wherever its chunks end, with any indentation, wrapped or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(object, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(undefined, 2, '\t'),
        fc.boolean(),
        fc.array(fc.nat(400)),
        async (given, indent, isWrapped, cuts) => {
          const text = JSON.stringify(isWrapped ? { records: given } : given, null, indent);
          const read = await readRows(`\ufeff${text}\r\n`, 'json', cuts);
          expect(read.map((row) => JSON.stringify(row.fields ?? row.broken))).toEqual(
            given.map((item) => JSON.stringify(item)),
          );
        },
      ),
    );
  });

  it('reports the line on which each element begins', async () => {
    const text = '\r\n[\r\n  {"a": 1},\n  {\n    "b": "x\\n\\\\"\n  }\r,{"c":3}\n,\n\n{"d":4}]';
    expect((await readRows(text, 'json')).map(({ line, fields }) => [line, fields])).toEqual([
      [3, { a: 1 }],
      [4, { b: 'x\n\\' }],
      [7, { c: 3 }],
      [10, { d: 4 }],
    ]);
    expect((await open(text, 'json')).columns).toBeNull();
  });

  it('is read on after every kind of broken element', async () => {
    const text = [
      '[{"a":1}',
      '{"a":}',
      "{'a': 1}",
      '{"a":1} {"a":2}',
      '"text"',
      '[{"a":1}]',
      'null',
      '',
      '{"a":"\\u0000"}',
      `{"a":"${'x'.repeat(100_001)}"}`,
      `{"a":"x","b":${'['.repeat(101)}${']'.repeat(101)}}`,
      '{"a":2}',
      ']',
    ];
    expect(await listVerdicts(text.join(',\n').replace(',\n]', ',]'), 'json')).toEqual([
      '1 ok',
      '2 row_not_json',
      '3 row_not_json',
      '4 row_not_json',
      '5 row_not_an_object',
      '6 row_not_an_object',
      '7 row_not_an_object',
      '8 row_not_json',
      '9 row_not_text',
      '10 row_field_too_large',
      '11 row_too_deep',
      '12 ok',
      '12 row_not_json',
    ]);
  });

  it.each([
    ['an unmatched bracket', '[{"a":1},\n{"a":[2},\n{"a":3}]', '2 source_broken_json', 'closes nothing'],
    ['a missing end', '[{"a":1},\n{"a":2}\n', '3 source_broken_json', 'never closed'],
    [
      'an element that is cut off',
      '[{"a":1},\n\n{"a":\n',
      '3 source_broken_json',
      'element that begins here',
    ],
    ['a quote that is never closed', '[{"a":"x},\n{"b":2}]', '1 source_broken_json', 'a text in the element'],
    ['text after the end', '[{"a":1}]\n[{"a":2}]', '2 source_broken_json', 'after the end'],
    ['something besides the records', '{"records":[{"a":1}],\n"n":1}', '1 source_broken_json', 'besides'],
    ['a wrapper that is never closed', '{"records":[{"a":1}]\n', '2 source_broken_json', 'around "records"'],
    ['endless brackets', `[${'['.repeat(20_000)}`, '1 source_broken_json', '10000 brackets'],
    ['another object', '{"contacts":[{"a":1}]}', '- source_format_unknown', 'jq ".contacts"'],
    ['an object on each line', '{"a":1}\n{"a":2}\n', '- source_format_unknown', '--format ndjson'],
    ['CSV', 'a,b\n1,2\n', '- source_format_unknown', '--format csv'],
    ['no elements', '[ \n]', '- source_empty', 'no row'],
    ['no text at all', '', '- source_empty', 'file is empty'],
  ])('with %s is refused with line and advice', async (_, text, code, words) => {
    const fault = await readError(text);
    expect(fault).toContain(code);
    expect(fault).toContain(words);
    expect(fault).toContain('people: ');
  });

  it('is read as JSON.parse reads it, or has a broken element if JSON.parse refuses it', async () => {
    const junk = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '"a":', '{"a":1}', '\n', ' ', '1', 'é'),
      maxLength: 14,
    });
    await fc.assert(
      fc.asyncProperty(junk, fc.array(fc.nat(20)), async (middle, cuts) => {
        const text = `[{"a":0},${middle}]`;
        const rows = await readRows(text, 'json', cuts).catch(() => null);
        let parsed: unknown[] | null = null;
        try {
          parsed = JSON.parse(text) as unknown[];
        } catch {
          // JSON.parse refuses it.
        }
        if (parsed === null) expect(rows === null || rows.some(({ broken }) => broken)).toBe(true);
        else {
          const isObject = (item: unknown) =>
            typeof item === 'object' && item !== null && !Array.isArray(item);
          expect(rows?.map(({ fields }) => fields ?? null)).toEqual(
            parsed
              .filter((item) => !isObject(item) || hasValue(item))
              .map((item) => (isObject(item) ? item : null)),
          );
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read on after an element that is too large or has too many keys', async () => {
    const keys = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`k${n}`, 1]));
    const large = { a: Array.from({ length: 50 }, () => 'y'.repeat(30_000)) };
    const text = JSON.stringify([large, keys, { a: 1 }]);
    const rows = await readRows(text, 'json');
    expect(rows.map(({ broken }) => broken?.code)).toEqual([
      'row_too_large',
      'row_too_many_fields',
      undefined,
    ]);
    expect(rows[0]?.broken?.message).toBe('more than 1,000,000 bytes (CXFLOW_MAX_ROW_BYTES)');
    expect(rows[1]?.broken?.message).toBe('more than 1,000 keys (CXFLOW_MAX_COLUMNS)');
    expect(DEFAULT_SOURCE_LIMITS.maxRowBytes).toBe(1_000_000);
  });
});
