import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeFormula } from '../../src/domain/cells.ts';
import { withoutInvisible } from '../../src/domain/invisible.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../src/domain/source-limits.ts';
import { openSource } from '../../src/sources/open.ts';
import { listVerdicts, open, readRows, splitIntoChunks } from './harness.ts';

/** Cells with many delimiters, quotes, line ends and formula characters. */
const cell = fc.oneof(
  fc.string({
    unit: fc.constantFrom(',', ';', '"', '\n', '\r', "'", '=', '+', ' ', 'a', 'é', '😀', '\t', '|'),
    maxLength: 12,
  }),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0')),
);
const table = fc.integer({ min: 2, max: 5 }).chain((width) =>
  fc.record({
    columns: fc.constant(Array.from({ length: width }, (_, n) => `c${n}`)),
    rows: fc
      .array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 })
      .filter((rows) => rows.some((row) => hasValue(row.map(escapeFormula)))),
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    bom: fc.boolean(),
  }),
);
type Table = typeof table extends fc.Arbitrary<infer T> ? T : never;

function writeCsv({ columns, rows, delimiter, lineEnd, bom }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(escapeFormula))];
  // quoted: csv-stringify does not quote a lone \r, which is a line end to readers that accept mixed line ends.
  return stringify(cells, { delimiter, record_delimiter: lineEnd, quoted: true, bom });
}

/** Rows without any are no records. */
const hasValue = (cells: readonly string[]): boolean =>
  cells.some((cell) => withoutInvisible(cell).trim() !== '');

function toFields(columns: readonly string[], rows: readonly (readonly string[])[]) {
  return rows
    .filter((row) => hasValue(row.map(escapeFormula)))
    .map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
}

describe('CSV', () => {
  it('written by csv-stringify is read back unchanged, with any delimiter and line end', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        const read = await readRows(writeCsv(given));
        expect(read.map((row) => row.fields)).toEqual(toFields(given.columns, given.rows));
      }),
    );
  });

  it('with minimal quoting is read as csv-parse reads it', async () => {
    const plain = fc.string({ unit: fc.constantFrom(',', '"', '\n', ' ', 'a', 'é', '1'), maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(plain, plain)), async (rows) => {
        const text = stringify([['a', 'b'], ['0', '0'], ...rows]);
        const read = await readRows(text);
        const theirs: Record<string, string>[] = parse(text, { columns: true, skip_empty_lines: true });
        expect(read.map((row) => row.fields)).toEqual(theirs.filter((each) => hasValue(Object.values(each))));
      }),
    );
  });

  it('has the same rows wherever its chunks end, also inside characters, quotes and CRLF', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.array(fc.nat(400)), async (given, cuts) => {
        const text = `${writeCsv(given)}broken "row\r\n${'é"'.repeat(3)}\nshort`;
        expect(await readRows(text, 'csv', cuts)).toEqual(await readRows(text));
      }),
    );
  });

  it('may have rows that are longer than a block', async () => {
    const limits = {
      ...DEFAULT_SOURCE_LIMITS,
      maxRowBytes: 1_000_000,
      maxFieldCharacters: 500_000,
      maxColumns: 10,
    };
    const long = 'x'.repeat(150_000);
    const text = `a,b\n1,"${long}\n${long}"\n2,"${long}\r\n"\n3,y\n`;
    const read = async (cuts: readonly number[]) => {
      const rows = [];
      const source = await openSource(splitIntoChunks(text, cuts), { name: 'a.csv', limits });
      for await (const row of source.rows()) rows.push(row);
      return rows;
    };
    const whole = await read([]);
    expect(whole.map((row) => [row.line, row.broken, (row.fields?.['b'] as string).length])).toEqual([
      [2, undefined, 300_001],
      [4, undefined, 150_002],
      [6, undefined, 1],
    ]);
    expect(await read([1, 65_535, 65_537, 200_000, 300_017])).toEqual(whole);
  });

  it('reports the line on which each row begins, counting blank lines and quoted line ends', async () => {
    const text = '\r\na,b\r\n\r\n1,"x\r\ny\r\nz"\r\n2,"x\ny"\n   \n3,"x\ry"\r4,z\r\n5,z';
    expect((await readRows(text)).map((row) => [row.fields?.['a'], row.line])).toEqual([
      ['1', 4],
      ['2', 7],
      ['3', 10],
      ['4', 12],
      ['5', 13],
    ]);
  });

  it('reports the line of every row, for any text', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        const numbered = { ...given, rows: given.rows.map((row, n) => [`#${n}#`, ...row.slice(1)]) };
        const text = writeCsv(numbered);
        for (const [n, row] of (await readRows(text)).entries()) {
          const before = text.slice(0, text.indexOf(`"#${n}#"`));
          expect(row.line).toBe(before.split(/\r\n|\n|\r/).length);
        }
      }),
    );
  });

  it('is read on after every kind of broken row', async () => {
    const text = [
      'a,b,c',
      '1,2,3',
      '1,2',
      '1,2,3,4',
      '1,"x"y,3',
      '1,5" pipe,3',
      '1, "x",3',
      '"x"y","z',
      'é,2,3',
    ].join('\n');
    expect(await listVerdicts(text)).toEqual([
      '2 ok',
      '3 row_too_few_cells',
      '4 row_too_many_cells',
      '5 row_bad_quote',
      '6 ok',
      '7 row_bad_quote',
      '8 row_bad_quote',
      '9 ok',
    ]);
  });

  it('keeps the rows after a bad quote, where csv-parse makes one broken row of them', async () => {
    expect(await listVerdicts('a,b\n1,"x"y\n2,ok\n3,ok\n4,"q"\n5,ok\n')).toEqual([
      '2 row_bad_quote',
      '3 ok',
      '4 ok',
      '5 ok',
      '6 ok',
    ]);
  });

  it('makes no rows of the lines inside a quoted cell that turns out to be bad', async () => {
    const rows = await readRows('a,b\n1,"x\n2,evil\n"y\n3,ok\n');
    expect(rows.map((row) => [row.line, row.broken?.code])).toEqual([
      [2, 'row_bad_quote'],
      [5, undefined],
    ]);
    expect(rows[0]?.broken?.message).toContain('lines 2 to 4');
    expect(rows[0]?.raw).toBe('1,"x\n2,evil\n"y');
  });

  it('is read to the end, whatever its rows contain, unless a quote stays open', async () => {
    const junk = fc.array(
      fc.string({ unit: fc.constantFrom('"', ',', 'a', ' ', '\0', 'é', '\t'), minLength: 1 }),
    );
    const filler = `1,${'x'.repeat(70_000)}`; // a NUL in the first block would make the file binary
    await fc.assert(
      fc.asyncProperty(junk, async (lines) => {
        const text = `a,b\n${filler}\n${lines.join('\n')}\nlast,"row"\n`;
        const rows = await readRows(text).catch((error: { code: string }) => error.code);
        if (typeof rows === 'string') {
          expect(rows).toBe('source_unclosed_quote');
          return;
        }
        expect(rows.at(-1)?.fields?.['a'] ?? rows.at(-1)?.raw).toContain('last');
      }),
    );
  });

  it('has the delimiter that its header has outside of quotes', async () => {
    expect((await open('"a,b,c";d\n1,2;3\n')).columns).toEqual(['a,b,c', 'd']);
    expect((await open('a|b\n1,2|3;4;5\n')).columns).toEqual(['a', 'b']);
    expect((await open('only\n12\n')).columns).toEqual(['only']);
    expect((await open('\n  \n"a\n;;;"\tb\n1\t2\n')).columns).toEqual(['a\n;;;', 'b']);
  });

  it("loses the ' that cxflow put before formulas, and the columns cxflow_…", async () => {
    const source = await open("cxflow_line,contactId,'=odd,CXFLOW_reasons\n7,'@x,'=1+1,bad\n");
    expect(source.columns).toEqual(['contactId', '=odd']);
    const rows = [];
    for await (const row of source.rows()) rows.push(row);
    expect(rows).toEqual([{ line: 2, fields: { contactId: '@x', '=odd': '=1+1' } }]);
  });

  it('keeps cells in columns without a name', async () => {
    expect(await readRows('a,,\n1,x,\n')).toEqual([
      { line: 2, fields: { a: '1', column_2: 'x', column_3: '' } },
    ]);
  });

  it('may have columns named __proto__ and constructor', async () => {
    const [row] = await readRows('__proto__,constructor\npolluted,x\n');
    expect(Object.entries(row?.fields ?? {})).toEqual([
      ['__proto__', 'polluted'],
      ['constructor', 'x'],
    ]);
    expect(Object.getPrototypeOf(row?.fields)).toBe(Object.prototype);
  });

  it('with an invalid byte or a NUL after the first block has broken rows, and only those', async () => {
    const good = '1,x\n'.repeat(20_000);
    const text = Buffer.concat([
      Buffer.from(`a,b\n${good}2,`),
      Buffer.from([0xe9]),
      Buffer.from('\n3,\0\n4,\ufffd\n5,ok\n'),
    ]);
    const rows = (await readRows(text)).slice(20_000);
    expect(rows.map((row) => [row.line, row.broken?.code ?? row.fields])).toEqual([
      [20_002, 'row_not_utf8'],
      [20_003, 'row_not_text'],
      [20_004, { a: '4', b: '\ufffd' }],
      [20_005, { a: '5', b: 'ok' }],
    ]);
    expect(rows[1]?.raw).toBe('3,\ufffd');
  });

  it('with a row or cell beyond the limits has broken rows, whose text is cut', async () => {
    const text = `a,b\n1,${'😀'.repeat(50_001)}\n2,"${'y\n'.repeat(2_100_000)}"\n3,ok\n`;
    const rows = await readRows(text);
    expect(rows.map((row) => [row.line, row.broken?.code])).toEqual([
      [2, 'row_field_too_large'],
      [3, 'row_too_large'],
      [2_100_004, undefined],
    ]);
    expect(rows.map((row) => row.broken?.message)).toEqual([
      'more than 100,000 characters (CXFLOW_MAX_FIELD_CHARACTERS)',
      'more than 1,000,000 bytes (CXFLOW_MAX_ROW_BYTES) (lines 3 to 2100003)',
      undefined,
    ]);
    expect(rows[0]?.broken?.field).toBe('b');
    expect(rows.map((row) => row.raw?.length)).toEqual([10_000, 10_000, undefined]);
    expect(rows[0]?.raw).not.toMatch(/\p{Surrogate}/u);
  });

  it('may have rows and cells exactly as large as the limits', async () => {
    const limits = { ...DEFAULT_SOURCE_LIMITS, maxRowBytes: 20, maxFieldCharacters: 10, maxColumns: 2 };
    const text = 'a,b\n1234567890,x\n12345678901,x\n1234567890,123456789\n1234567890,1234567890\n';
    const source = await openSource(splitIntoChunks(text), { name: 'people.csv', limits });
    const found = [];
    for await (const { line, broken } of source.rows()) found.push(`${line} ${broken?.code ?? 'ok'}`);
    expect(found).toEqual(['2 ok', '3 row_field_too_large', '4 ok', '5 row_too_large']);
    const wide = openSource(splitIntoChunks('a,b,c\n1,2,3\n'), { name: 'people.csv', limits });
    await expect(wide).rejects.toThrow(/names 3 columns, but only 2 are allowed.*CXFLOW_MAX_COLUMNS/);
  });

  it('with a million cells in one row has one broken row', async () => {
    const limits = {
      ...DEFAULT_SOURCE_LIMITS,
      maxRowBytes: 4_000_000,
      maxFieldCharacters: 100,
      maxColumns: 1_000,
    };
    const text = `a,b\n${'1,'.repeat(1_000_000)}\n1,2\n`;
    const rows = [];
    for await (const row of (await openSource(splitIntoChunks(text), { name: 'a.csv', limits })).rows())
      rows.push(row);
    expect(rows.map(({ broken }) => broken?.message)).toEqual([
      '1,000,001 cells, but the header has 2',
      undefined,
    ]);
  });

  it('is read as csv-parse reads it, or has a broken row if csv-parse gives up', async () => {
    const unit = fc.constantFrom(',', '"', '""', '\n', '\r\n', 'a', 'é', '1');
    const text = fc
      .string({ unit, maxLength: 30 })
      .map((middle) => `a,b\n0,0\n${middle}`)
      // csv-parse gives up where a row without any value has too many cells.
      .filter((csv) => !/^[,"\r]+$/m.test(csv));
    const seen = { strict: 0, relaxed: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(60)), async (given, cuts) => {
        const ours = await readRows(given, 'csv', cuts).catch((error: { code: string }) => error.code);
        const isClean = typeof ours !== 'string' && ours.every(({ broken }) => !broken);
        const strict = parseWithOracle(given, {});
        // If csv-parse only objects to a quote inside an unquoted cell, its relaxed mode is the oracle.
        const theirs =
          typeof strict === 'string' && isClean ? parseWithOracle(given, { relax_quotes: true }) : strict;
        if (typeof strict === 'string' && isClean) expect(strict).toBe('INVALID_OPENING_QUOTE');
        seen[typeof strict !== 'string' ? 'strict' : isClean ? 'relaxed' : 'refused'] += 1;
        if (typeof theirs === 'string') expect(isClean).toBe(false);
        else expect(ours).toMatchObject(theirs.map((fields) => ({ fields })));
        if (typeof theirs !== 'string') expect(ours).toHaveLength(theirs.length);
      }),
      { numRuns: 4_000 },
    );
    // Otherwise one branch would hardly be tested.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(20);
  });
});

/** What csv-parse reads, or the code of its error. */
function parseWithOracle(text: string, options: object): readonly Record<string, string>[] | string {
  try {
    const always = { columns: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] };
    const rows = parse(text, { ...always, ...options }) as unknown as Record<string, string>[];
    return rows.filter((each) => hasValue(Object.values(each)));
  } catch (error) {
    return (error as { code: string }).code;
  }
}
