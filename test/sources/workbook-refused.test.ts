import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../src/sources/errors.ts';
import { readFile, readWorkbook } from './workbooks/read.ts';
import { row, table, text, writeSheet, writeWorkbook, zip } from './workbooks/write.ts';

const ROWS = table(['contactId', 'phone'], ['crm-1', '+14155550100']);
const SHEET = 'xl/worksheets/sheet1.xml';

async function refusal(bytes: Buffer): Promise<SourceError> {
  const error: unknown = await readWorkbook(bytes).then(
    () => new Error('was read'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SourceError);
  return error as SourceError;
}

const withPart = (path: string, content: string | Buffer | null) =>
  writeSheet(ROWS, { parts: { [path]: content } });

const sheetOf = (xml: string) => withPart(SHEET, `<worksheet><sheetData>${xml}</sheetData></worksheet>`);

function compoundFile(stream: string): Buffer {
  const content = Buffer.alloc(200_000);
  Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]).copy(content);
  Buffer.from(stream, 'utf16le').copy(content, 131_070);
  return content;
}

describe('a file that is no workbook', () => {
  it.each<[string, () => Promise<Buffer> | Buffer, string, RegExp]>([
    ['an empty file', () => Buffer.alloc(0), 'source_empty', /empty/],
    ['a CSV file', () => Buffer.from('a,b\n1,2\n'), 'source_format_unknown', /--format csv/],
    ['a PDF', () => Buffer.from('%PDF-1.4'), 'source_format_unknown', /a PDF/],
    ['an old workbook', () => compoundFile('Workbook'), 'source_binary', /\.xls\). Save it as \.xlsx/],
    ['one with a password', () => compoundFile('EncryptedPackage'), 'source_binary', /password. Remove the/],
    [
      'a binary workbook',
      () => writeWorkbook({ parts: { 'xl/workbook.bin': 'x', '_rels/.rels': relation('xl/workbook.bin') } }),
      'source_format_unknown',
      /\.xlsb\). Save it as \.xlsx/,
    ],
    [
      'OpenDocument',
      () => zip({ mimetype: 'x', 'content.xml': '<x/>' }),
      'source_format_unknown',
      /OpenDocument/,
    ],
    [
      'a Word document',
      () => zip({ '_rels/.rels': relation('word/document.xml'), 'word/document.xml': '<x/>' }),
      'source_format_unknown',
      /Word document/,
    ],
    ['a ZIP archive', () => zip({ 'people.csv': 'a,b' }), 'source_format_unknown', /another kind of archive/],
  ])('is refused: %s', async (_, create, code, words) => {
    const error = await refusal(await create());
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(words)]);
    expect(error.message).toMatch(/^people\.xlsx: /);
  });

  function relation(target: string): string {
    return `<Relationships><Relationship Id="r" Type="x/officeDocument" Target="${target}"/></Relationships>`;
  }
});

describe('a broken workbook', () => {
  it.each<[string, () => Promise<Buffer>, RegExp]>([
    [
      'without its main part',
      () => withPart('xl/workbook.xml', null),
      /xl\/workbook.xml cannot be read: it is missing/,
    ],
    ['without a sheet', () => writeWorkbook({}), /it has no sheet/],
    [
      'with a sheet that ends too early',
      () => withPart(SHEET, '<worksheet><sheetData>'),
      /not well-formed XML/,
    ],
    ['with text instead of XML', () => withPart(SHEET, 'contactId,phone'), /not well-formed XML/],
    ['with an unknown entity', () => sheetOf('<row><c><v>&secret;</v></c></row>'), /not well-formed XML/],
    [
      'with bytes that are no text',
      () => withPart(SHEET, Buffer.from([0x3c, 0xff, 0xfe])),
      /damaged|well-formed/,
    ],
    [
      'with another encoding',
      () => withPart(SHEET, '<?xml version="1.0" encoding="latin1"?><worksheet/>'),
      /neither in UTF-8 nor in UTF-16/,
    ],
    ['with rows in disorder', () => sheetOf('<row r="5"/><row r="4"/>'), /after row 5 follows one/],
    ['with a row beyond the last one', () => sheetOf('<row r="1048577"/>'), /after row 0 follows one/],
    ['with cells in disorder', () => sheetOf('<row r="1"><c r="B1"/><c r="A1"/></row>'), /row 1 has a cell/],
    ['with a cell twice', () => sheetOf('<row r="1"><c r="B1"/><c r="B1"/></row>'), /row 1 has a cell/],
    ['with a cell of another row', () => sheetOf('<row r="1"><c r="A2"/></row>'), /row 1 has a cell/],
    [
      'with a column beyond the last one',
      () => sheetOf('<row r="1"><c r="XFE1"/></row>'),
      /row 1 has a cell/,
    ],
  ])('is refused: %s', async (_, create, words) => {
    const error = await refusal(await create());
    expect([error.code, error.message]).toEqual(['source_broken_workbook', expect.stringMatching(words)]);
    expect(error.message).not.toContain('secret');
  });

  it('is refused wherever it was cut off or a byte was changed, or has its rows', async () => {
    const whole = await writeSheet(ROWS);
    for (let size = 2; size < whole.length; size += 13) {
      const error = await refusal(whole.subarray(0, size));
      expect(['source_broken_workbook', 'source_format_unknown']).toContain(error.code);
    }
    for (let at = 2; at < whole.length; at += 7) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      const result = await readWorkbook(changed).then(
        ({ rows }) => rows,
        (error: unknown) => error,
      );
      if (!(result instanceof SourceError)) expect(result).toEqual((await readWorkbook(whole)).rows);
    }
  });
});

describe('a harmful workbook', () => {
  it('is refused if a part is much larger than in the archive, before it is unpacked', async () => {
    const rows = `<row r="1">${text('A1', 'a')}</row>${'<row/>'.repeat(2_000_000)}`;
    const error = await refusal(await sheetOf(rows));
    expect([error.code, error.message]).toEqual([
      'source_too_large',
      expect.stringContaining('more than 200 times as large as in the archive'),
    ]);
  });

  it('is refused if a part is larger than a source may be', async () => {
    const bytes = await sheetOf(row(1, text('A1', 'a')) + row(2, text('A2', 'x'.repeat(30_000))));
    const limits = { maxSourceBytes: 2_000 };
    await expect(readWorkbook(bytes, { limits })).rejects.toMatchObject({ code: 'source_too_large' });
  });

  it('is refused if it declares less than it has', async () => {
    const bytes = await sheetOf(row(1, text('A1', 'a')) + row(2, text('A2', 'x'.repeat(30_000))));
    // The uncompressed size, in the header of the part and in the directory of the archive.
    for (let at = 0; at < bytes.length - 30; at += 1) {
      const signature = bytes.toString('latin1', at, at + 4);
      const size = signature === 'PK\u0003\u0004' ? at + 22 : signature === 'PK\u0001\u0002' ? at + 24 : 0;
      if (size > 0 && bytes.readUInt32LE(size) > 30_000) bytes.writeUInt32LE(100, size);
    }
    expect((await refusal(bytes)).code).toBe('source_broken_workbook');
  });

  it('is refused if a text that many cells share makes its text too large', async () => {
    const sharedStrings = [`<si><t>${'x'.repeat(10_000)}</t></si>`];
    const rows = Array.from({ length: 300 }, (_, at) => row(at + 2, `<c r="A${at + 2}" t="s"><v>0</v></c>`));
    const bytes = await writeSheet([row(1, text('A1', 'a')), ...rows], { sharedStrings });
    const limits = { maxSourceBytes: 1_000_000 };
    await expect(readWorkbook(bytes, { limits })).rejects.toMatchObject({ code: 'source_too_large' });
  });

  it.each<[string, string, RegExp]>([
    ['defines entities', '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>', /document type definition/],
    [
      'refers to a file',
      '<!DOCTYPE x SYSTEM "file:///etc/hostname"><worksheet/>',
      /document type definition/,
    ],
    ['is nested', `${'<a>'.repeat(101)}`, /nested more than 100 deep/],
    [
      'has an endless text',
      `<a>${'x'.repeat(2_100_000)}</a>`,
      /text or a tag of more than 2000000 characters/,
    ],
    [
      'has an endless tag',
      `<a b="${'x'.repeat(2_100_000)}"/>`,
      /text or a tag of more than 2000000 characters/,
    ],
  ])('is refused if a part %s', async (_, xml, words) => {
    const error = await refusal(await withPart(SHEET, xml));
    expect([error.code, error.message]).toEqual(['source_broken_workbook', expect.stringMatching(words)]);
  });

  it('is refused if its archive has two parts with the same name, or too many', async () => {
    const twice = await writeSheet(ROWS, { parts: { [SHEET.toUpperCase()]: '<worksheet/>' } });
    expect((await refusal(twice)).message).toContain('two parts with the same name');
    const parts = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`x/${at}`, '']));
    expect((await refusal(await writeSheet(ROWS, { parts }))).code).toBe('source_too_large');
  });

  it('is never looked for outside of its archive', async () => {
    const parts = {
      'xl/_rels/workbook.xml.rels':
        '<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="../../../../etc/hostname"/></Relationships>',
    };
    expect((await refusal(await writeSheet(ROWS, { parts }))).code).toBe('source_empty');
  });
});

describe('the file of a workbook', () => {
  it('is closed when its rows were read, and when it was refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cxflow-workbooks-'));
    try {
      const { readdir } = await import('node:fs/promises');
      const countOpen = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
      const paths = [join(folder, 'good.xlsx'), join(folder, 'bad.xlsx')] as const;
      await writeFile(paths[0], await writeSheet(ROWS));
      await writeFile(paths[1], await withPart(SHEET, 'no XML'));
      const before = await countOpen();
      for (let n = 0; n < 20; n += 1) {
        await readFile(paths[0]);
        await readFile(paths[1]).catch(() => undefined);
      }
      expect(await countOpen()).toBeLessThan(before + 10);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
