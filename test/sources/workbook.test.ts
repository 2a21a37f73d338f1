import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeFormula } from '../../src/domain/cells.ts';
import { writeEscapes } from '../../src/domain/workbook-text.ts';
import { readRows } from './harness.ts';
import { readFile, readValues, readWorkbook } from './workbooks/read.ts';
import { escapeXml, number, row, table, text, writeSheet } from './workbooks/write.ts';

const HEADER = row(1, text('A1', 'value'));

/** One column, one cell in each row. */
function writeColumn(cells: readonly string[], rest: Parameters<typeof writeSheet>[1] = {}): Promise<Buffer> {
  return writeSheet([HEADER, ...cells.map((cell, at) => row(at + 2, cell))], rest);
}

describe('a workbook', () => {
  it('has the rows of its sheet, with the numbers that the sheet shows', async () => {
    const rows = [
      row(3, text('B3', 'contactId'), text('C3', ' phone ')),
      row(4, text('B4', 'crm-1'), text('C4', '+14155550100')),
      row(5, '<c r="B5" s="0"/>'),
      row(6, text('B6', ' \u00a0\u200b')),
      row(9, text('B9', 'crm-2')),
    ];
    expect(await readWorkbook(await writeSheet(rows))).toEqual({
      columns: ['contactId', 'phone'],
      rows: [
        { line: 4, fields: { contactId: 'crm-1', phone: '+14155550100' } },
        { line: 9, fields: { contactId: 'crm-2', phone: '' } },
      ],
      facts: { name: 'Contacts', hiddenRows: 0, hiddenColumns: 0 },
    });
  });

  it('may leave out the references of rows and cells, and may have prefixes', async () => {
    const rows = '<x:row><x:c t="str"><x:v>a</x:v></x:c><x:c><x:v>7</x:v></x:c></x:row>';
    const sheet = `<x:worksheet xmlns:x="urn:any"><x:sheetData>${rows}${rows.replace('>a<', '>b<')}</x:sheetData></x:worksheet>`;
    const bytes = await writeSheet('', { parts: { 'xl/worksheets/sheet1.xml': sheet } });
    expect((await readWorkbook(bytes)).rows).toEqual([{ line: 2, fields: { '7': '7', a: 'b' } }]);
  });

  it('has shared texts, rich texts, inline texts, texts of formulas, and no phonetic ones', async () => {
    const sharedStrings = [
      '<si><t>plain</t></si>',
      '<si><r><t xml:space="preserve">rich </t></r><r><rPr><b/></rPr><t>text</t></r></si>',
      '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>',
      '<si><t>\n  trimmed </t></si>',
      '<si><t xml:space="preserve"> kept </t></si>',
      '<si><t>CR_x000D_LF_x005F_x000A_</t></si>',
      '<si/>',
    ];
    const cells = [0, 1, 2, 3, 4, 5].map((n) => `<c r="A${n + 2}" t="s"><v>${n}</v></c>`);
    const more = [
      '<c r="A8" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh><t>no</t></rPh></is></c>',
      '<c r="A9" t="str"><f>A1&amp;"x"</f><v>valuex</v></c>',
      '<c r="A10" t="inlineStr"><is><t><![CDATA[<a&b>]]></t></is></c>',
    ];
    expect(await readValues(await writeColumn([...cells, ...more], { sharedStrings }))).toEqual([
      ...['plain', 'rich text', '東京', 'trimmed', ' kept ', 'CR\rLF_x000A_', 'inline', 'valuex', '<a&b>'],
    ]);
  });

  it('has booleans as words, and blank cells where nothing is shown', async () => {
    const rows = [
      row(1, text('A1', 'a'), text('B1', 'b'), text('C1', 'c'), text('D1', 'd')),
      row(
        2,
        '<c r="A2" t="b"><v>1</v></c><c r="B2" t="b"><v>0</v></c>',
        '<c r="C2"><v></v></c><c r="D2" t="str"><f>""</f><v></v></c>',
      ),
    ];
    const { rows: read } = await readWorkbook(await writeSheet(rows));
    expect(read).toEqual([{ line: 2, fields: { a: 'TRUE', b: 'FALSE', c: '', d: '' } }]);
  });

  it('has the value of merged cells in their first one, and its hidden rows and columns like all others', async () => {
    const rows = [
      row(1, text('A1', 'a'), text('B1', 'b')),
      `<row r="2" hidden="1">${text('A2', 'x')}</row>`,
      '<row r="3" hidden="true"><c r="A3"/></row>',
      row(4, text('A4', 'merged'), '<c r="B4"/>'),
    ];
    const before = '<cols><col min="2" max="16384" hidden="1"/></cols>';
    const sheet = await readWorkbook(await writeSheet(rows, { before }));
    expect(sheet.rows.map(({ fields }) => fields)).toEqual([
      { a: 'x', b: '' },
      { a: 'merged', b: '' },
    ]);
    expect(sheet.facts).toEqual({ name: 'Contacts', hiddenRows: 1, hiddenColumns: 1 });
  });

  it('of other programs is read: openpyxl', async () => {
    const { rows, facts } = await readFile(join(import.meta.dirname, 'workbooks/openpyxl.xlsx'));
    expect(facts).toEqual({ name: 'Contacts', hiddenRows: 1, hiddenColumns: 1 });
    expect(rows.map(({ line, fields, broken }) => [line, broken?.code ?? fields])).toEqual([
      [
        2,
        {
          ...{ contactId: '100045000001', phone: '+14155550100', consentTimestamp: '2024-11-01' },
          ...{ optInStatus: 'confirmed', Zip: '02134', Share: '25%', Note: ' two  blanks ' },
          ...{ 'Called at': '2024-11-01T09:15:30', Flag: 'TRUE' },
        },
      ],
      [
        3,
        {
          ...{ contactId: 'crm-2', phone: '+14155550101', consentTimestamp: '2024-11-02' },
          ...{ optInStatus: 'confirmed', Zip: '', Share: '1234.50', Note: 'line 1\nline 2' },
          ...{ 'Called at': '07:05:00', Flag: 'FALSE' },
        },
      ],
      [4, 'cell_digits_lost'],
      [5, expect.objectContaining({ phone: '+14155550103', Note: 'a bold word', 'Called at': '27:30:00' })],
      [6, 'cell_not_calculated'],
      [8, expect.objectContaining({ phone: 'Zoë 😀' })],
      [10, expect.objectContaining({ contactId: 'merged', phone: '' })],
    ]);
  });

  it('of other programs is read: XlsxWriter, with dates that count from 1904', async () => {
    const { rows } = await readFile(join(import.meta.dirname, 'workbooks/xlsxwriter.xlsx'));
    expect(rows[0]).toEqual({
      line: 2,
      fields: {
        ...{ contactId: 'crm-1', phone: '+14155550100', consentTimestamp: '2024-11-01' },
        ...{ score: '8.1', note: 'a bold word', result: '2' },
      },
    });
    expect(rows.slice(1).map(({ broken }) => broken?.code)).toEqual(['cell_scientific', 'cell_error']);
    expect(rows[1]?.shown).toMatchObject({ consentTimestamp: '1904-01-01', score: '0.3', note: 'tab\there' });
  });
});

describe('the texts of a workbook', () => {
  const cell = fc.string({ unit: fc.constantFrom(...'aZ0_x5F&<>"\' \n\t\r\u0001\ufffeéß😀,;') });

  it('are read as they were written, whatever they contain', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 20 }), async (values) => {
        const kept = values.map((value, at) => `${at}${value}`);
        const shared = await writeColumn(
          kept.map((_, at) => `<c r="A${at + 2}" t="s"><v>${at}</v></c>`),
          {
            sharedStrings: kept.map(
              (value) => `<si><t xml:space="preserve">${escapeXml(writeEscapes(value))}</t></si>`,
            ),
          },
        );
        const inline = await writeColumn(kept.map((value, at) => text(`A${at + 2}`, writeEscapes(value))));
        expect(await readValues(shared)).toEqual(kept);
        expect(await readValues(inline)).toEqual(kept);
      }),
      { numRuns: 50 },
    );
  });

  it('give the same rows as a CSV file with the same values', async () => {
    const word = fc.string({ unit: fc.constantFrom(...'aZ019 +\'"=,;é\n') });
    const rows = fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const values = given.map((cells, at) => [`crm-${at}`, ...cells]);
        const all = [['contactId', 'phone', 'name', 'note'], ...values];
        // A spreadsheet program saves a text with an apostrophe before it if it looks like a formula to nobody but cxflow.
        const quote = (value: string) => `"${escapeFormula(value).replaceAll('"', '""')}"`;
        const csv = all.map((cells) => cells.map(quote).join(',')).join('\r\n');
        const sheet = await readWorkbook(await writeSheet(table(...all)));
        expect(sheet.rows.map(({ fields }) => fields)).toEqual(
          (await readRows(csv)).map(({ fields }) => fields),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('a damaged cell of a workbook', () => {
  it('rejects its row with sheet and cell, keeps what the others show, and is not taken for a value', async () => {
    const rows = [
      row(1, text('A1', 'contactId'), text('B1', 'phone'), text('C1', 'note')),
      row(17, number('A17', '12345678901234567890'), text('B17', '+1'), '<c r="C17" t="e"><v>#N/A</v></c>'),
    ];
    const { rows: read } = await readWorkbook(await writeSheet(rows));
    expect(read).toEqual([
      {
        line: 17,
        broken: {
          code: 'cell_digits_lost',
          field: 'contactId',
          message: expect.stringMatching(
            /^cell A17 of sheet "Contacts": it is a number of more than 15 digits.* more such cells: C17$/,
          ) as string,
        },
        shown: { contactId: '1.23456789012346E+19', phone: '+1', note: '#N/A' },
        legible: { contactId: '\ufffd', phone: '+1', note: '\ufffd' },
      },
    ]);
    expect(read[0]?.broken?.message).not.toContain('1.23');
  });

  it.each([
    ['an error', '<c r="A2" t="e"><v>#REF!</v></c>', 'cell_error'],
    ['a formula without a result', '<c r="A2"><f>B1</f></c>', 'cell_not_calculated'],
    ['a formula with an empty result', '<c r="A2"><f>B1</f><v/></c>', 'cell_not_calculated'],
    ['a number that is not one', '<c r="A2"><v>1,5</v></c>', 'cell_unreadable'],
    ['a shared text that does not exist', '<c r="A2" t="s"><v>0</v></c>', 'cell_unreadable'],
    ['a shared text without a number', '<c r="A2" t="s"><v>x</v></c>', 'cell_unreadable'],
    ['a boolean that is not one', '<c r="A2" t="b"><v>2</v></c>', 'cell_unreadable'],
    ['a stored date that is not one', '<c r="A2" t="d"><v>soon</v></c>', 'cell_unreadable'],
    ['NUL', text('A2', 'a_x0000_b'), 'row_not_text'],
    ['half of a surrogate pair', text('A2', 'a_xD83D_b'), 'row_not_text'],
    ['a value beside the columns', text('C2', 'x'), 'row_too_many_cells'],
  ])('may be %s', async (_, cell, code) => {
    const { rows } = await readWorkbook(await writeColumn([cell]));
    expect(rows.map(({ broken }) => broken?.code)).toEqual([code]);
  });

  it('may be a text or a row beyond the limits, also by sharing a long text', async () => {
    const limits = { maxFieldCharacters: 100, maxRowBytes: 1_000 };
    const long = await writeColumn([
      text('A2', 'x'.repeat(101)),
      text('A3', 'x'.repeat(2_000)),
      text('A4', 'ok'),
    ]);
    expect(await readValues(long, { limits })).toEqual(['row_field_too_large', 'row_too_large', 'ok']);
    const sharedStrings = [`<si><t>${'x'.repeat(100)}</t></si>`];
    const cells = Array.from({ length: 500 }, () => '<c t="s"><v>0</v></c>');
    const many = await writeSheet(
      [row(1, text('A1', 'value'), text('B1', 'b')), row(2, ...cells), row(3, text('A3', 'ok'))],
      { sharedStrings },
    );
    expect(await readValues(many, { limits })).toEqual(['row_too_large', 'ok']);
  });
});

describe('the header of a sheet', () => {
  it.each([
    ['looks like a row', table(['crm-1', '+14155550100'], ['crm-2', '+14155550101']), 'source_no_header'],
    ['names a column twice', table(['a', 'a'], ['1', '2']), 'source_duplicate_column'],
    [
      'has an error',
      [row(1, '<c r="A1" t="e"><v>#REF!</v></c>'), row(2, text('A2', 'x'))],
      'source_no_header',
    ],
  ])('is refused if it %s, with sheet and row', async (_, rows, code) => {
    await expect(readWorkbook(await writeSheet(rows))).rejects.toMatchObject({
      code,
      line: 1,
      message: expect.stringMatching(/^people\.xlsx: sheet "Contacts", row 1 /) as string,
    });
  });

  it('is not a title above it', async () => {
    const title = row(1, text('A1', 'Contacts of May'));
    const rest = [row(3, text('A3', 'a'), text('B3', 'b'), text('C3', 'c')), row(4, text('A4', '1'))];
    await expect(readWorkbook(await writeSheet([title, ...rest]))).rejects.toMatchObject({
      code: 'source_no_header',
      line: 1,
      message: expect.stringMatching(/row 1 looks like a title.*Remove what is above row 3$/) as string,
    });
    expect((await readWorkbook(await writeSheet(rest))).columns).toEqual(['a', 'b', 'c']);
  });

  it('gives a column without a name one, unless it comes before all others', async () => {
    const rows = [row(1, text('B1', 'a'), text('D1', 'b')), row(2, text('B2', '1'), text('C2', '2'))];
    const { columns, rows: read } = await readWorkbook(await writeSheet(rows));
    expect(columns).toEqual(['a', 'column_3', 'b']);
    expect(read[0]?.fields).toEqual({ a: '1', column_3: '2', b: '' });
  });

  it('without a row below it is an empty source', async () => {
    for (const rows of [table(['a', 'b']), []])
      await expect(readWorkbook(await writeSheet(rows))).rejects.toMatchObject({ code: 'source_empty' });
  });
});
