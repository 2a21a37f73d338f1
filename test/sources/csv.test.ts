import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defuse } from '../../src/domain/cells.ts';
import { open, rowsOf, verdicts } from './harness.ts';

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
  const cells = [columns, ...rows.map((row) => row.map(defuse))];
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
    const long = 'x'.repeat(150_000);
    const text = `a,b\n1,"${long}\n${long}"\n2,"${long}\r\n"\n3,y\n`;
    const whole = await rowsOf(text);
    expect(whole.map((row) => [row.line, row.broken, (row.fields?.['b'] as string).length])).toEqual([
      [2, undefined, 300_001],
      [4, undefined, 150_002],
      [6, undefined, 1],
    ]);
    expect(await rowsOf(text, 'csv', [1, 65_535, 65_537, 200_000, 300_017])).toEqual(whole);
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
      '6 row_bad_quote',
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
    const text = `a,b\n1,${'😀'.repeat(500_001)}\n2,"${'y\n'.repeat(2_100_000)}"\n3,ok\n`;
    const rows = await rowsOf(text);
    expect(rows.map((row) => [row.line, row.broken?.code])).toEqual([
      [2, 'row_cell_too_large'],
      [3, 'row_too_large'],
      [2_100_004, undefined],
    ]);
    expect(rows.map((row) => row.raw?.length)).toEqual([10_000, 10_000, undefined]);
    expect(rows[0]?.raw).not.toMatch(/\p{Surrogate}/u);
  });
});
