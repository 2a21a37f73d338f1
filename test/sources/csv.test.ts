import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeFormula } from '../../src/domain/cells.ts';
import { openSource } from '../../src/sources/open.ts';
import { chunksOf, open, rowsOf, verdicts } from './harness.ts';

/** Cells in which delimiters, quotes, line ends and formula characters are frequent. */
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
    rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 }),
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    bom: fc.boolean(),
  }),
);
type Table = typeof table extends fc.Arbitrary<infer T> ? T : never;

function written({ columns, rows, delimiter, lineEnd, bom }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(escapeFormula))];
  // quoted: csv-stringify leaves a lone \r bare, which is a line end to every reader of mixed line ends.
  return stringify(cells, { delimiter, record_delimiter: lineEnd, quoted: true, bom });
}

function asFields(columns: readonly string[], rows: readonly (readonly string[])[]) {
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
}

describe('CSV', () => {
  it('that csv-stringify writes is read as it was, with every delimiter and line end', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        const read = await rowsOf(written(given));
        expect(read.map((row) => row.fields)).toEqual(asFields(given.columns, given.rows));
      }),
    );
  });

  it('without needless quotes is read as csv-parse reads it', async () => {
    const plain = fc.string({ unit: fc.constantFrom(',', '"', '\n', ' ', 'a', 'é', '1'), maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(plain, plain), { minLength: 1 }), async (rows) => {
        const text = stringify([['a', 'b'], ...rows]);
        const read = await rowsOf(text);
        expect(read.map((row) => row.fields)).toEqual(parse(text, { columns: true, skip_empty_lines: true }));
      }),
    );
  });

  it('has the same rows wherever its chunks end, inside characters, quotes and CRLF too', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.array(fc.nat(400)), async (given, cuts) => {
        const text = `${written(given)}broken "row\r\n${'é"'.repeat(3)}\nshort`;
        expect(await rowsOf(text, 'csv', cuts)).toEqual(await rowsOf(text));
      }),
    );
  });

  it('has the same rows when they are longer than the blocks that they are read in', async () => {
    const limits = { maxRowBytes: 1_000_000, maxFieldCharacters: 500_000, maxColumns: 10 };
    const long = 'x'.repeat(150_000);
    const text = `a,b\n1,"${long}\n${long}"\n2,"${long}\r\n"\n3,y\n`;
    const read = async (cuts: readonly number[]) => {
      const rows = [];
      const source = await openSource(chunksOf(text, cuts), { name: 'a.csv', limits });
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

  it('says the line on which each row begins, and counts blank lines and quoted line ends', async () => {
    const text = '\r\na,b\r\n\r\n1,"x\r\ny\r\nz"\r\n2,"x\ny"\n   \n3,"x\ry"\r4,z\r\n5,z';
    expect((await rowsOf(text)).map((row) => [row.fields?.['a'], row.line])).toEqual([
      ['1', 4],
      ['2', 7],
      ['3', 10],
      ['4', 12],
      ['5', 13],
    ]);
  });

  it('counts the lines of every row as the text before it has them', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        const numbered = { ...given, rows: given.rows.map((row, n) => [`#${n}#`, ...row.slice(1)]) };
        const text = written(numbered);
        for (const [n, row] of (await rowsOf(text)).entries()) {
          const before = text.slice(0, text.indexOf(`"#${n}#"`));
          expect(row.line).toBe(before.split(/\r\n|\n|\r/).length);
        }
      }),
    );
  });

  it('goes on after every kind of broken row', async () => {
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
    expect(await verdicts(text)).toEqual([
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

  it('keeps what comes after a bad quote apart, where csv-parse takes it all for one row', async () => {
    expect(await verdicts('a,b\n1,"x"y\n2,ok\n3,ok\n4,"q"\n5,ok\n')).toEqual([
      '2 row_bad_quote',
      '3 ok',
      '4 ok',
      '5 ok',
      '6 ok',
    ]);
  });

  it('makes no rows of the lines inside a quotation that turns out bad', async () => {
    const rows = await rowsOf('a,b\n1,"x\n2,evil\n"y\n3,ok\n');
    expect(rows.map((row) => [row.line, row.broken?.code])).toEqual([
      [2, 'row_bad_quote'],
      [5, undefined],
    ]);
    expect(rows[0]?.broken?.message).toContain('lines 2 to 4');
    expect(rows[0]?.raw).toBe('1,"x\n2,evil\n"y');
  });

  it('with anything at all for rows never ends at a broken one, unless a quote stays open', async () => {
    const junk = fc.array(
      fc.string({ unit: fc.constantFrom('"', ',', 'a', ' ', '\0', 'é', '\t'), minLength: 1 }),
    );
    const filler = `1,${'x'.repeat(70_000)}`; // NUL in the first block would refuse the file
    await fc.assert(
      fc.asyncProperty(junk, async (lines) => {
        const text = `a,b\n${filler}\n${lines.join('\n')}\nlast,"row"\n`;
        const rows = await rowsOf(text).catch((error: { code: string }) => error.code);
        if (typeof rows === 'string') {
          expect(rows).toBe('source_unclosed_quote');
          return;
        }
        expect(rows.at(-1)?.fields?.['a'] ?? rows.at(-1)?.raw).toContain('last');
      }),
    );
  });

  it('finds its delimiter in the header alone, and outside its quotes', async () => {
    expect((await open('"a,b,c";d\n1,2;3\n')).columns).toEqual(['a,b,c', 'd']);
    expect((await open('a|b\n1,2|3;4;5\n')).columns).toEqual(['a', 'b']);
    expect((await open('only\n12\n')).columns).toEqual(['only']);
    expect((await open('\n  \n"a\n;;;"\tb\n1\t2\n')).columns).toEqual(['a\n;;;', 'b']);
  });

  it("takes off the ' of its own files, in cells and names, and ignores the columns cxflow_…", async () => {
    const source = await open("cxflow_line,contactId,'=odd,CXFLOW_reasons\n7,'@x,'=1+1,bad\n");
    expect(source.columns).toEqual(['contactId', '=odd']);
    const rows = [];
    for await (const row of source.rows()) rows.push(row);
    expect(rows).toEqual([{ line: 2, fields: { contactId: '@x', '=odd': '=1+1' } }]);
  });

  it('keeps cells under nameless columns under a name of ours', async () => {
    expect(await rowsOf('a,,\n1,x,\n')).toEqual([
      { line: 2, fields: { a: '1', column_2: 'x', column_3: '' } },
    ]);
  });

  it('may name a column __proto__ or constructor without reaching a prototype', async () => {
    const [row] = await rowsOf('__proto__,constructor\npolluted,x\n');
    expect(Object.entries(row?.fields ?? {})).toEqual([
      ['__proto__', 'polluted'],
      ['constructor', 'x'],
    ]);
    expect(Object.getPrototypeOf(row?.fields)).toBe(Object.prototype);
  });

  it('breaks the row of a wrong byte or a NUL beyond the first block, and no other', async () => {
    const good = '1,x\n'.repeat(20_000);
    const text = Buffer.concat([
      Buffer.from(`a,b\n${good}2,`),
      Buffer.from([0xe9]),
      Buffer.from('\n3,\0\n4,\ufffd\n5,ok\n'),
    ]);
    const rows = (await rowsOf(text)).slice(20_000);
    expect(rows.map((row) => [row.line, row.broken?.code ?? row.fields])).toEqual([
      [20_002, 'row_not_utf8'],
      [20_003, 'row_not_text'],
      [20_004, { a: '4', b: '\ufffd' }],
      [20_005, { a: '5', b: 'ok' }],
    ]);
    expect(rows[1]?.raw).toBe('3,\ufffd');
  });

  it('breaks a row with a cell or a size beyond the limits, and cuts what it shows of it', async () => {
    const text = `a,b\n1,${'😀'.repeat(50_001)}\n2,"${'y\n'.repeat(2_100_000)}"\n3,ok\n`;
    const rows = await rowsOf(text);
    expect(rows.map((row) => [row.line, row.broken?.code])).toEqual([
      [2, 'row_field_too_large'],
      [3, 'row_too_large'],
      [2_100_004, undefined],
    ]);
    expect(rows.map((row) => row.broken?.message)).toEqual([
      'more than 100,000 characters (CXFLOW_MAX_FIELD_CHARACTERS)',
      'the row has more than 1,000,000 bytes (CXFLOW_MAX_ROW_BYTES) (lines 3 to 2100003)',
      undefined,
    ]);
    expect(rows[0]?.broken?.field).toBe('b');
    expect(rows.map((row) => row.raw?.length)).toEqual([10_000, 10_000, undefined]);
    expect(rows[0]?.raw).not.toMatch(/\p{Surrogate}/u);
  });

  it('takes rows and cells up to the limits that it is given, and none beyond', async () => {
    const limits = { maxRowBytes: 20, maxFieldCharacters: 10, maxColumns: 2 };
    const text = 'a,b\n1234567890,x\n12345678901,x\n1234567890,123456789\n1234567890,1234567890\n';
    const source = await openSource(chunksOf(text), { name: 'people.csv', limits });
    const found = [];
    for await (const { line, broken } of source.rows()) found.push(`${line} ${broken?.code ?? 'ok'}`);
    expect(found).toEqual(['2 ok', '3 row_field_too_large', '4 ok', '5 row_too_large']);
    const wide = openSource(chunksOf('a,b,c\n1,2,3\n'), { name: 'people.csv', limits });
    await expect(wide).rejects.toThrow(/names 3 columns, 2 are allowed.*CXFLOW_MAX_COLUMNS/);
  });

  it('with a million cells in one row breaks that row', async () => {
    const limits = { maxRowBytes: 4_000_000, maxFieldCharacters: 100, maxColumns: 1_000 };
    const text = `a,b\n${'1,'.repeat(1_000_000)}\n1,2\n`;
    const rows = [];
    for await (const row of (await openSource(chunksOf(text), { name: 'a.csv', limits })).rows())
      rows.push(row);
    expect(rows.map(({ broken }) => broken?.message)).toEqual(['1000001 cells, the header has 2', undefined]);
  });

  it('is read as csv-parse reads it, or has a broken row where csv-parse gives up', async () => {
    const unit = fc.constantFrom(',', '"', '""', '\n', '\r\n', '\r', 'a', 'é', '1');
    const text = fc.string({ unit, maxLength: 30 }).map((middle) => `a,b\n0,0\n${middle}`);
    const seen = { strict: 0, relaxed: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(60)), async (given, cuts) => {
        const ours = await rowsOf(given, 'csv', cuts).catch((error: { code: string }) => error.code);
        const isClean = typeof ours !== 'string' && ours.every(({ broken }) => !broken);
        const strict = parsed(given, {});
        // Where a quote inside a plain cell is what csv-parse will not have, its own relaxed mode is the oracle.
        const theirs = typeof strict === 'string' && isClean ? parsed(given, { relax_quotes: true }) : strict;
        if (typeof strict === 'string' && isClean) expect(strict).toBe('INVALID_OPENING_QUOTE');
        seen[typeof strict !== 'string' ? 'strict' : isClean ? 'relaxed' : 'refused'] += 1;
        if (typeof theirs === 'string') expect(isClean).toBe(false);
        else expect(ours).toMatchObject(theirs.map((fields) => ({ fields })));
        if (typeof theirs !== 'string') expect(ours).toHaveLength(theirs.length);
      }),
      { numRuns: 4_000 },
    );
    // Or one part of it would not be tested.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(20);
  }, 60_000);
});

/** What csv-parse makes of it, or the code of its error. */
function parsed(text: string, options: object): readonly Record<string, string>[] | string {
  try {
    const always = { columns: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n', '\r'] };
    return parse(text, { ...always, ...options }) as unknown as Record<string, string>[];
  } catch (error) {
    return (error as { code: string }).code;
  }
}
