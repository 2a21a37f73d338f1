import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reason } from '../../src/domain/run.ts';
import { readEscapes, writeEscapes } from '../../src/domain/workbook-text.ts';
import type { SettledRecord } from '../../src/ledger/runs/records.ts';
import { formatRecords } from '../../src/queries/record-files.ts';
import { each, fakeRun } from '../harness/fake-run.ts';
import { readWorkbook } from '../sources/workbooks/read.ts';
import { number, row, text, writeSheet } from '../sources/workbooks/write.ts';

type Fields = Record<string, unknown>;

const record = (fields: Fields, i: number, reasons: readonly Reason[] = []): SettledRecord => ({
  ...{ seq: i + 1, line: i + 2, fields, reasons, evidence: null, cxoneId: null },
  outcome: reasons.length > 0 ? 'invalid' : 'rejected',
});

async function toWorkbook(
  records: readonly SettledRecord[],
  columns: readonly string[] | null,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const file = {
    run: fakeRun({ source: { name: 'c.csv', format: 'csv', bytes: 1, sha256: 'x', columns } }),
    records: {
      list: () => each(records),
      countReasons: () => Promise.resolve([]),
      hasCxoneIds: () => Promise.resolve(records.some(({ cxoneId }) => cxoneId !== null)),
    },
    format: 'xlsx' as const,
  };
  for await (const chunk of formatRecords(file)) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const units = [...'\'=+-@\t\r\n1.ä", ;|_x0D5F&<>\ufeff\u2028\u0001\uffffé', '😀', '#N/A', '_x000D_', '00'];
const cell = fc.string({ unit: fc.constantFrom(...units) });

describe('the rows of an exported workbook', () => {
  it('are the same when they are imported', async () => {
    const columns = ['contactId', 'phone', 'note'];
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const fields = given.map(([phone, note], i) => ({ contactId: `0000${i}`, phone, note }));
        const sheet = await readWorkbook(
          await toWorkbook(
            fields.map((each, i) => record(each, i)),
            columns,
          ),
        );
        expect(sheet.columns).toEqual(columns);
        expect(sheet.rows.map((each) => each.fields)).toEqual(fields);
      }),
      { numRuns: 60 },
    );
  });

  it('keep what was refused in them, so that an import refuses it again', async () => {
    const formats = [0, 11, 14];
    const bytes = await writeSheet(
      [
        row(1, text('A1', 'contactId'), text('B1', 'note')),
        row(2, number('A2', '12345678901234567'), text('B2', '#N/A')),
        row(3, number('A3', 100_045_000_001, 1), text('B3', '1.00045E+11')),
        row(4, number('A4', -1, 2), text('B4', 'x')),
        row(5, text('A5', 'crm-5'), '<c r="B5" t="e"><v>#DIV/0!</v></c>'),
        row(6, '<c r="A6"><f>B1</f></c>', '<c r="B6" t="e"><v>#N/A</v></c>'),
        row(7, text('A7', '#N/A'), text('B7', '1.00045E+11')),
      ],
      { formats },
    );
    const first = await readWorkbook(bytes);
    const records = first.rows.map(({ fields, shown, broken }, i) =>
      record({ ...(fields ?? shown) }, i, broken ? [broken] : []),
    );
    const second = await readWorkbook(await toWorkbook(records, first.columns));
    const verdicts = (rows: typeof first.rows) =>
      rows.map(({ fields, shown, broken }) => [broken?.code, broken?.field, fields ?? shown]);
    expect(verdicts(first.rows).map(([code]) => code)).toEqual([
      ...['cell_digits_lost', 'cell_scientific', 'cell_not_a_date', 'cell_error', 'cell_not_calculated'],
      undefined,
    ]);
    // That it was a formula is not known any more.
    const expected = verdicts(first.rows).map((each) =>
      each.with(0, each[0] === 'cell_not_calculated' ? 'cell_error' : each[0]),
    );
    expect(verdicts(second.rows)).toEqual(expected);
  });

  it('have line, outcome and reasons beside them, and values of NDJSON as JSON', async () => {
    const reasons = [{ code: 'phone_not_e164', field: 'phone', message: 'must be E.164' }, { code: 'x' }];
    const rows = [
      record({ contactId: '007', n: 5, tags: ['a'], none: null }, 0, reasons),
      record({ late: true }, 1),
    ];
    const withId = rows.map((each) => ({ ...each, cxoneId: '=1' }));
    const bytes = await toWorkbook(withId, null);
    const sheet = await readWorkbook(bytes);
    expect(sheet.columns).toEqual(['contactId', 'n', 'tags', 'none', 'late']);
    expect(sheet.rows.map(({ fields }) => fields)).toEqual([
      { contactId: '007', n: '5', tags: '["a"]', none: '', late: '' },
      { contactId: '', n: '', tags: '', none: '', late: 'true' },
    ]);
    const part = await sheetPart(bytes);
    expect(part).toContain('>cxflow_reasons<');
    expect(part).toContain(
      '>phone_not_e164 (phone): The phone number is not in the international form E.164 (must be E.164); x<',
    );
    expect(part).toContain('<c r="F2" s="0"><v>2</v></c>');
    expect(part).toContain('>=1<');
  });

  it('have numbers that JSON has rounded as numbers, which an import refuses', async () => {
    const values = [12_345_678_901_234_567_890, -(2 ** 53), 42];
    const bytes = await toWorkbook(
      values.map((note, i) => record({ contactId: 'crm-1', note }, i)),
      null,
    );
    expect(
      (await readWorkbook(bytes)).rows.map(({ broken, fields }) => broken?.code ?? fields?.['note']),
    ).toEqual(['cell_digits_lost', 'cell_digits_lost', '42']);
  });

  it('are refused if a cell cannot hold a value', async () => {
    const long = [record({ id: 'x'.repeat(32_768) }, 0)];
    await expect(toWorkbook(long, ['id'])).rejects.toMatchObject({
      name: 'TooLargeForWorkbook',
      next: expect.stringContaining('csv') as string,
    });
    expect(
      (await readWorkbook(await toWorkbook([record({ id: 'x'.repeat(32_767) }, 0)], ['id']))).rows,
    ).toHaveLength(1);
  });

  it('are refused if they are more than a sheet can have', async () => {
    let written = 0;
    async function* many() {
      for (; written < 1_100_000; written += 1) {
        if (written % 1_000 === 0) await Promise.resolve();
        yield { line: written + 2, cells: ['a'], reasons: [] };
      }
    }
    const { formatWorkbook } = await import('../../src/queries/record-workbook.ts');
    const all = async () => {
      for await (const _ of formatWorkbook({ columns: ['id'], sourceColumns: 1, rows: many() }));
    };
    await expect(all()).rejects.toMatchObject({ name: 'TooLargeForWorkbook' });
    expect(written).toBe(1_048_575);
  }, 120_000);
});

async function sheetPart(bytes: Buffer): Promise<string> {
  const { fromBufferPromise } = await import('yauzl');
  const { text: readText } = await import('node:stream/consumers');
  const zip = await fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry())
    if (entry.fileName === 'xl/worksheets/sheet1.xml')
      return readText(await zip.openReadStreamPromise(entry));
  throw new Error('there is no sheet');
}

it('escapes of characters that XML cannot hold are the inverse of reading them', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.oneof(cell, fc.string({ unit: 'binary', maxLength: 3 })) }), (given) => {
      const escaped = writeEscapes(given);
      expect(readEscapes(escaped)).toBe(given);
      expect(escaped).not.toMatch(/[^\t\n\x20-\ufffd]/);
    }),
  );
});
