import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContact } from '../../src/domain/contact-import/contacts.ts';
import type { SettledRecord } from '../../src/ledger/runs/records.ts';
import { formatRecords, type RecordFormat } from '../../src/queries/record-files.ts';
import { looksLikeRow } from '../../src/sources/header.ts';
import { openSource } from '../../src/sources/open.ts';
import { each, fakeRun } from '../harness/fake-run.ts';

type Fields = Record<string, unknown>;

const record = (fields: Fields, i = 0, change: Partial<SettledRecord> = {}): SettledRecord => ({
  seq: i + 1,
  line: i + 2,
  fields,
  outcome: 'created',
  reasons: [],
  evidence: null,
  cxoneId: null,
  ...change,
});

async function toText(
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
    records: {
      list: () => each(records),
      countReasons: () => Promise.resolve(reasons as never),
      hasCxoneIds: () => Promise.resolve(records.some(({ cxoneId }) => cxoneId !== null)),
    },
    format,
  };
  for await (const chunk of formatRecords(file)) text += Buffer.from(chunk).toString();
  return text;
}

async function readBack(text: string, format: RecordFormat): Promise<Fields[]> {
  const source = await openSource(each([Buffer.from(text)]), { name: 'back', format });
  const rows: Fields[] = [];
  for await (const row of source.rows()) rows.push(row.fields ?? { broken: row.broken });
  return rows;
}

/** Characters with a meaning in CSV or spreadsheets. NUL and lone surrogates never reach the ledger. */
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

/** Column names that a source can have: not empty, trimmed, unique, and not like a value. */
const names = fc.uniqueArray(
  cell.map((text) => `${text}n`.trim()).filter((name) => !looksLikeRow([name])),
  { minLength: 1, maxLength: 4 },
);

describe('the exported records of a run', () => {
  it('survive export and import unchanged (CSV)', async () => {
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, async (cells) => {
        const columns = ['contactId', 'phone', '=note'];
        const fields = cells.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
        const text = await toText(
          fields.map((row, i) => record(row, i)),
          'csv',
          columns,
        );
        expect(await readBack(text, 'csv')).toEqual(fields);
      }),
    );
  });

  it('survive export and import with any column names', async () => {
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
        expect(await readBack(await toText(records, 'csv', columns), 'csv')).toEqual(fields);
      }),
      { numRuns: 300 },
    );
  });

  it('contain no formula that a spreadsheet would evaluate, and leave numbers as they are', async () => {
    await fc.assert(
      fc.asyncProperty(cell, async (value) => {
        const text = await toText([record({ a: value, b: 'x' })], 'csv', ['a', 'b']);
        const [row] = parse<{ a: string }>(text, { columns: true });
        const isNumber = /^[+-]?\d+(\.\d+)?$/.test(value);
        expect(/^[=+\-@\t\r]/.test(row?.a ?? '')).toBe(isNumber && /^[+-]/.test(value));
      }),
    );
  });

  it.each<RecordFormat>(['ndjson', 'json'])('survive export and import unchanged (%s)', async (format) => {
    const fields = fc.dictionary(
      fc.constantFrom('contactId', 'phone', 'x'),
      fc.oneof(cell, fc.integer(), fc.boolean()),
      { minKeys: 1 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fields, { minLength: 1, maxLength: 8 }), async (rows) => {
        const text = await toText(
          rows.map((row, i) => record(row, i)),
          format,
          null,
        );
        const back = await readBack(text, format);
        expect(back.map(withoutAddedColumns)).toEqual(rows.map((row) => ({ ...row })));
      }),
    );
  });

  it('have line, outcome and every reason in addition to the columns of the source', async () => {
    const reasons = [
      { code: 'phone_missing', field: 'phone' },
      { code: 'consent_too_old', field: 'consentTimestamp', message: 'older than 1825 days' },
    ];
    const text = await toText([record({ id: 'a', phone: '' }, 0, { outcome: 'invalid', reasons })], 'csv', [
      'id',
      'phone',
    ]);
    expect(text).toBe(
      'id,phone,cxflow_line,cxflow_outcome,cxflow_reasons\n' +
        'a,,2,invalid,phone_missing (phone): The phone number is missing; ' +
        'consent_too_old (consentTimestamp): The consent is too old (older than 1825 days)\n',
    );
  });

  it("show CXone's own codes with its message, because nobody else knows what they mean", async () => {
    const reasons = [{ code: 'DUPLICATE_PHONE', message: 'is taken' }, { code: 'UNSPECIFIED' }];
    const text = await toText([record({ id: 'a' }, 0, { outcome: 'rejected', reasons })], 'csv', ['id']);
    expect(text).toContain('a,2,rejected,DUPLICATE_PHONE: is taken; UNSPECIFIED\n');
  });

  it("have CXone's ids of the records where it has named any", async () => {
    const records = [record({ id: '1' }, 0, { cxoneId: 'pref-12345' }), record({ id: '2' }, 1)];
    expect((await toText(records, 'csv', ['id'])).split('\n').slice(0, 3)).toEqual([
      'id,cxflow_line,cxflow_outcome,cxflow_reasons,cxflow_cxone_id',
      '1,2,created,,pref-12345',
      '2,3,created,,',
    ]);
    const lines = (await toText(records, 'ndjson', null)).trim().split('\n');
    const [first, second] = lines.map((line): unknown => JSON.parse(line));
    expect(first).toMatchObject({ cxflow_cxone_id: 'pref-12345' });
    expect(second).not.toHaveProperty('cxflow_cxone_id');
  });

  it('escape formulas, and leave phone numbers as they are', async () => {
    const text = await toText([record({ a: '=HYPERLINK("x")', b: '+14155550100' })], 'csv', ['a', 'b']);
    expect(text).toContain(`"'=HYPERLINK(""x"")",+14155550100,`);
  });

  it('contain the text of a row that could not be split, in a column of its own', async () => {
    const broken = { outcome: 'invalid' as const, reasons: [{ code: 'row_too_few_cells' }] };
    const text = await toText([record({ id: 'a' }), record({ cxflow_raw: 'b,"c' }, 1, broken)], 'csv', [
      'id',
    ]);
    expect(text.split('\n')[0]).toBe('id,cxflow_raw,cxflow_line,cxflow_outcome,cxflow_reasons');
    expect(text).toContain(',"b,""c",3,invalid,row_too_few_cells');
  });

  it('are refused as CSV if they have too many different keys, with a suggestion', async () => {
    const wide = Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`k${n}`, 1]));
    await expect(toText([record(wide)], 'csv', null)).rejects.toMatchObject({
      name: 'TooManyColumns',
      next: expect.stringContaining('ndjson') as string,
    });
  });

  it('are one JSON document, even without records', async () => {
    expect(JSON.parse(await toText([], 'json', ['id']))).toEqual([]);
    const rows = JSON.parse(
      await toText([record({ id: 'a' }), record({ id: 'b' }, 1)], 'json', ['id']),
    ) as Fields[];
    expect(rows.map(({ id, cxflow_outcome }) => [id, cxflow_outcome])).toEqual([
      ['a', 'created'],
      ['b', 'created'],
    ]);
  });

  it('have a column for each key if the rows have keys of their own', async () => {
    const text = await toText([record({ a: 1 }), record({ b: { c: true } }, 1)], 'csv', null);
    expect(text).toBe(
      'a,b,cxflow_line,cxflow_outcome,cxflow_reasons\n1,,2,created,\n,"{""c"":true}",3,created,\n',
    );
  });
});

function withoutAddedColumns(row: Fields): Fields {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('cxflow_')));
}

it('a number that JSON has rounded is refused again when the exported file is imported', async () => {
  const fields = { contactId: 2 ** 60, account: 12345678901234567890n.toString(), phone: '+14155550100' };
  const row = record({
    ...fields,
    account: Number(fields.account),
    consentTimestamp: '2026-01-01',
    optInStatus: 'confirmed',
  });
  for (const format of ['csv', 'ndjson', 'json'] as const) {
    const [back] = await readBack(await toText([row], format, null), format);
    const read = readContact(back ?? {}, null, new Date('2026-02-01'));
    expect('reasons' in read && read.reasons.map(({ code, field }) => `${code} ${field}`), format).toEqual([
      'contact_id_not_exact contactId',
      'number_not_exact account',
    ]);
  }
});
