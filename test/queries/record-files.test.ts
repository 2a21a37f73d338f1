import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordsAsText, type RecordFormat } from '../../src/queries/record-files.ts';
import type { SettledRecord } from '../../src/ledger/runs/records.ts';
import { looksLikeRow } from '../../src/sources/header.ts';
import { openSource } from '../../src/sources/open.ts';
import { each, fakeRun } from '../cli/fakes.ts';

type Fields = Record<string, unknown>;

const record = (fields: Fields, i = 0, change: Partial<SettledRecord> = {}): SettledRecord => ({
  seq: i + 1,
  line: i + 2,
  fields,
  outcome: 'created',
  reasons: [],
  evidence: null,
  ...change,
});

async function textOf(
  records: readonly SettledRecord[],
  format: RecordFormat,
  columns: readonly string[] | null,
) {
  const source = { name: 'c.csv', format: 'csv', bytes: 1, sha256: 'x', columns };
  const reasons = records.flatMap(({ outcome, reasons: all }) =>
    all.map(({ code }) => ({ outcome, code, field: null, n: 1 })),
  );
  let text = '';
  const file = {
    run: fakeRun({ source }),
    records: { list: () => each(records), countReasons: () => Promise.resolve(reasons as never) },
    format,
  };
  for await (const chunk of recordsAsText(file)) text += chunk;
  return text;
}

async function readBack(text: string, format: RecordFormat): Promise<Fields[]> {
  const source = await openSource(each([Buffer.from(text)]), { name: 'back', format });
  const rows: Fields[] = [];
  for await (const row of source.rows()) rows.push(row.fields ?? { broken: row.broken });
  return rows;
}

/** What spreadsheets, quotes and separators are sensitive to; NUL and half characters never get into the ledger. */
const cell = fc.string({
  unit: fc.constantFrom(
    ...[
      "'",
      '=',
      '+',
      '-',
      '@',
      '\t',
      '\r',
      '\n',
      '1',
      '.',
      'ä',
      '"',
      ',',
      ';',
      '|',
      ' ',
      '\ufeff',
      '\u2028',
    ],
  ),
});

/** Names of columns as a source can have them: not empty, no blanks around, not ours, none twice, none like a value. */
const names = fc.uniqueArray(
  cell.map((text) => `${text}n`.trim()).filter((name) => !looksLikeRow([name])),
  { minLength: 1, maxLength: 4 },
);

describe('the records of a run as a file', () => {
  it('come back from export and import as they were (CSV)', async () => {
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, async (cells) => {
        const columns = ['contactId', 'phone', '=note'];
        const fields = cells.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
        const text = await textOf(
          fields.map((row, i) => record(row, i)),
          'csv',
          columns,
        );
        expect(await readBack(text, 'csv')).toEqual(fields);
      }),
    );
  });

  it('come back as they were whatever the columns are called', async () => {
    const table = names.chain((columns) =>
      fc.record({
        columns: fc.constant(columns),
        rows: fc.array(fc.array(cell, { minLength: columns.length, maxLength: columns.length }), {
          minLength: 1,
          maxLength: 4,
        }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(table, async ({ columns, rows }) => {
        const fields = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
        const records = fields.map((row, i) => record(row, i));
        expect(await readBack(await textOf(records, 'csv', columns), 'csv')).toEqual(fields);
      }),
      { numRuns: 300 },
    );
  });

  it('have no cell that a spreadsheet runs, whatever is in it, and no number that it does not show', async () => {
    await fc.assert(
      fc.asyncProperty(cell, async (value) => {
        const text = await textOf([record({ a: value, b: 'x' })], 'csv', ['a', 'b']);
        const [row] = parse<{ a: string }>(text, { columns: true });
        const isNumber = /^[+-]?\d+(\.\d+)?$/.test(value);
        expect(/^[=+\-@\t\r]/.test(row?.a ?? '')).toBe(isNumber && /^[+-]/.test(value));
      }),
    );
  });

  it.each<RecordFormat>(['ndjson', 'json'])(
    'come back from export and import as they were (%s)',
    async (format) => {
      const fields = fc.dictionary(
        fc.constantFrom('contactId', 'phone', 'x'),
        fc.oneof(cell, fc.integer(), fc.boolean()),
        { minKeys: 1 },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(fields, { minLength: 1, maxLength: 8 }), async (rows) => {
          const text = await textOf(
            rows.map((row, i) => record(row, i)),
            format,
            null,
          );
          const back = await readBack(text, format);
          expect(back.map(withoutOurs)).toEqual(rows.map((row) => ({ ...row })));
        }),
      );
    },
  );

  it('have line, outcome and every reason beside the columns of the source', async () => {
    const reasons = [
      { code: 'phone_missing', field: 'phone' },
      { code: 'consent_too_old', field: 'consentTimestamp', message: 'older than 1825 days' },
    ];
    const text = await textOf([record({ id: 'a', phone: '' }, 0, { outcome: 'invalid', reasons })], 'csv', [
      'id',
      'phone',
    ]);
    expect(text).toBe(
      'id,phone,cxflow_line,cxflow_outcome,cxflow_reasons\n' +
        'a,,2,invalid,phone_missing (phone); consent_too_old (consentTimestamp): older than 1825 days\n',
    );
  });

  it('are harmless in a spreadsheet, and leave phone numbers as they are', async () => {
    const text = await textOf([record({ a: '=HYPERLINK("x")', b: '+14155550100' })], 'csv', ['a', 'b']);
    expect(text).toContain(`"'=HYPERLINK(""x"")",+14155550100,`);
  });

  it('show the text of a row that could not be split, in a column that is there only then', async () => {
    const broken = { outcome: 'invalid' as const, reasons: [{ code: 'row_too_few_cells' }] };
    const text = await textOf([record({ id: 'a' }), record({ cxflow_raw: 'b,"c' }, 1, broken)], 'csv', [
      'id',
    ]);
    expect(text.split('\n')[0]).toBe('id,cxflow_raw,cxflow_line,cxflow_outcome,cxflow_reasons');
    expect(text).toContain(',"b,""c",3,invalid,row_too_few_cells');
  });

  it('with more keys than a table has columns are refused as CSV, with the format to say', async () => {
    const wide = Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`k${n}`, 1]));
    await expect(textOf([record(wide)], 'csv', null)).rejects.toThrow(/--format ndjson/);
  });

  it('are one JSON document, an empty one too', async () => {
    expect(JSON.parse(await textOf([], 'json', ['id']))).toEqual([]);
    const rows = JSON.parse(
      await textOf([record({ id: 'a' }), record({ id: 'b' }, 1)], 'json', ['id']),
    ) as Fields[];
    expect(rows.map(({ id, cxflow_outcome }) => [id, cxflow_outcome])).toEqual([
      ['a', 'created'],
      ['b', 'created'],
    ]);
  });

  it('of rows with keys of their own get a column for each key', async () => {
    const text = await textOf([record({ a: 1 }), record({ b: { c: true } }, 1)], 'csv', null);
    expect(text).toBe(
      'a,b,cxflow_line,cxflow_outcome,cxflow_reasons\n1,,2,created,\n,"{""c"":true}",3,created,\n',
    );
  });
});

function withoutOurs(row: Fields): Fields {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('cxflow_')));
}
