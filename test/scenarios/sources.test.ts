/** Files in various formats, and duplicate rows within a file. */
import { expect, it } from 'vitest';
import type { ContactImportResult, Dedupe } from '../../src/contract/contact-import.ts';
import { number, row, table, text, writeWorkbook } from '../sources/workbooks/write.ts';
import { apiShape, csv, ndjson, type Row, rowAt, rows } from './contacts.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();

async function importFile(stand: Stand, name: string, list: string, ...more: string[]) {
  const args = ['contacts', 'import', name, '--list', list, ...more];
  return stand.json<ContactImportResult>(args);
}

it('reads NDJSON and a spreadsheet export with semicolons, BOM, CRLF, quotes and other column names', async () => {
  await onStand({}, async (stand) => {
    const named = rows(1, 120).map((row) => ({
      'Customer No': row.contactId,
      Name: `"${row.firstName}; ""the first"""`,
      'Mobile Number': row.phone,
      'Consent Date': row.consentTimestamp,
      'opt-in status': 'Confirmed',
    }));
    stand.file('export.csv', csv(named, { delimiter: ';', end: '\r\n', bom: true }));
    const map = ['contactId=Customer No', 'phone=Mobile Number', 'consentTimestamp=Consent Date'];
    const imported = await importFile(stand, 'export.csv', 'L1', ...map.flatMap((each) => ['--map', each]));
    expect(imported.document.counts, imported.stderr).toEqual({ total: 120, pending: 0, created: 120 });
    expect(imported.code).toBe(0);
    await stand.conserved(imported.document.runId);
    const records = await stand.cxflow(['records', imported.document.runId, '--format', 'ndjson']);
    expect(JSON.parse(records.stdout.split('\n')[0] ?? '')).toMatchObject({
      'Customer No': 'c-1',
      Name: 'Name 1; "the first"',
    });
    await importNdjson(stand);
  });
});

/** NDJSON with flat rows, rows in the shape of the API, and malformed lines. */
async function importNdjson(stand: Stand): Promise<void> {
  const flat = ndjson(rows(1, 60));
  const nested = ndjson(rows(61, 120).map(apiShape));
  stand.file('contacts.ndjson', `${flat}{"contactId": "c-\n${nested}[1, 2]\n`);
  const { code, document } = await importFile(stand, 'contacts.ndjson', 'L2');
  expect({ code, counts: document.counts }).toEqual({
    code: 3,
    counts: { total: 122, pending: 0, created: 120, invalid: 2 },
  });
  await stand.conserved(document.runId, { isListShared: true });
  const invalid = await stand.json<unknown[]>(['records', document.runId, '--outcome', 'invalid']);
  expect(invalid.document).toEqual([
    expect.objectContaining({
      cxflow_line: 61,
      cxflow_reasons: [expect.objectContaining({ code: 'row_not_json' })],
    }),
    expect.objectContaining({
      cxflow_line: 122,
      cxflow_reasons: [expect.objectContaining({ code: 'row_not_an_object' })],
    }),
  ]);
}

it('reads JSON arrays, UTF-16 and, with --encoding, Windows-1252; a row beyond the limits is an invalid record', async () => {
  await onStand({ env: { CXFLOW_MAX_FIELD_CHARACTERS: '200' } }, async (stand) => {
    const long = { ...apiShape(rowAt(4)), customFields: { note: 'x'.repeat(201) } };
    const json = JSON.stringify([...rows(1, 2), apiShape(rowAt(3)), long, 7], null, 2);
    stand.file('contacts.json', Buffer.from(`\ufeff${json}`, 'utf16le'));
    const imported = await importFile(stand, 'contacts.json', 'L6');
    expect(imported.document.counts, imported.stderr).toEqual({
      total: 5,
      pending: 0,
      created: 3,
      invalid: 2,
    });
    expect(imported.stderr).toContain('5 rows, read as utf-16le');
    await stand.conserved(imported.document.runId);

    const invalid = await stand.json<{ cxflow_reasons: unknown }[]>([
      ...['records', imported.document.runId, '--outcome', 'invalid'],
    ]);
    expect(invalid.document.map((row) => row.cxflow_reasons)).toEqual([
      [
        {
          code: 'row_field_too_large',
          message: 'more than 200 characters (CXFLOW_MAX_FIELD_CHARACTERS)',
        },
      ],
      [{ code: 'row_not_an_object', message: 'JSON, but not an object' }],
    ]);

    stand.file('latin.csv', Buffer.from(csv([rowAt(1, { firstName: 'Zo\u00eb' })]), 'latin1'));
    const refused = await stand.cxflow(['contacts', 'import', 'latin.csv', '--list', 'L7']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--encoding windows-1252')]);
    const latin = await importFile(stand, 'latin.csv', 'L7', '--encoding', 'windows-1252');
    expect(latin.document.counts).toEqual({ total: 1, pending: 0, created: 1 });
    expect(await firstNames(stand, latin.document.runId)).toEqual(['Zoë']);
    await stand.conserved(latin.document.runId, { isListShared: true });
  });
});

it('reads a workbook, writes its rows back with reasons, and takes the corrected workbook', async () => {
  await onStand({}, async (stand) => {
    const header = ['contactId', 'phone', 'consentTimestamp', 'optInStatus', 'zip'];
    const sheets = [
      { name: 'Old', state: 'hidden' as const, rows: table(['contactId'], ['c-0']) },
      {
        name: 'May',
        rows: [
          table(header).join(''),
          row(
            2,
            text('A2', 'c-1'),
            text('B2', phoneOf(1)),
            number('C2', 46_300, 1),
            status(2),
            number('E2', 2_134, 2),
          ),
          row(
            5,
            number('A5', '12345678901234567890'),
            text('B5', phoneOf(2)),
            number('C5', 46_300, 1),
            status(5),
          ),
          `<row r="6" hidden="1">${text('A6', 'c-3')}${text('B6', '0171 2345678')}${number('C6', 46_300, 1)}${status(6)}</row>`,
        ],
      },
    ];
    stand.file('may.xlsx', await writeWorkbook({ sheets, formats: [0, 14, '00000'] }));
    const imported = await importFile(stand, 'may.xlsx', 'L8');
    expect(imported.document.counts, imported.stderr).toEqual({
      total: 3,
      pending: 0,
      created: 1,
      invalid: 2,
    });
    expect(imported.stderr).toContain('may.xlsx: 3 rows, sheet "May", including 1 hidden row');
    const { runId } = imported.document;
    await stand.conserved(runId, { isListShared: true });
    const records = await stand.json<unknown[]>(['records', runId]);
    expect(records.document).toEqual([
      expect.objectContaining({ cxflow_line: 2, consentTimestamp: '2026-10-05', zip: '02134' }),
      expect.objectContaining({
        cxflow_line: 5,
        cxflow_reasons: [expect.objectContaining({ code: 'cell_digits_lost' })],
      }),
      expect.objectContaining({
        cxflow_line: 6,
        cxflow_reasons: [expect.objectContaining({ code: 'phone_not_e164' })],
      }),
    ]);

    await stand.cxflow(['records', runId, '--outcome', 'invalid', '--out', 'invalid.xlsx']);
    const again = await importFile(stand, 'invalid.xlsx', 'L8');
    expect(again.document.counts, again.stderr).toEqual({ total: 2, pending: 0, invalid: 2 });
    const rows = await stand.json<{ cxflow_reasons: { code: string }[] }[]>([
      'records',
      again.document.runId,
    ]);
    expect(rows.document.map((each) => each.cxflow_reasons[0]?.code)).toEqual([
      'cell_digits_lost',
      'phone_not_e164',
    ]);
    const refused = await stand.cxflow(['contacts', 'import', 'may.xlsx', '--list', 'L8', '--sheet', 'June']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('"Old" (hidden), "May"')]);
  });
});

const phoneOf = (n: number) => rowAt(n).phone;
const status = (n: number) => text(`D${n}`, 'confirmed');

/** Lines 2 to 5: a contact, its id with another number, its number with another id, and the same contact again. */
const SAME: readonly Row[] = [
  rowAt(1),
  rowAt(2, { contactId: 'c-1' }),
  rowAt(3, { phone: rowAt(1).phone }),
  rowAt(1),
];
const DUPLICATE_ROWS: Readonly<Record<Dedupe, readonly number[]>> = {
  either: [3, 4, 5],
  contactId: [3, 5],
  phone: [4, 5],
  both: [5],
};

it('--dedupe decides which rows are duplicates, the first row wins, and --again writes the file again', async () => {
  await onStand({}, async (stand) => {
    stand.file('same.csv', csv(SAME));
    for (const [dedupe, duplicateRows] of Object.entries(DUPLICATE_ROWS)) {
      const list = `L3-${dedupe}`;
      const { code, document } = await importFile(stand, 'same.csv', list, '--dedupe', dedupe);
      const created = 4 - duplicateRows.length;
      expect({ code, counts: document.counts }, dedupe).toEqual({
        code: 0,
        counts: { total: 4, pending: 0, created, duplicate: duplicateRows.length },
      });
      expect(await stand.admin.journal({ list }), 'contacts in CXone').toHaveLength(created);
      // The other choices write a contact with two numbers, which the conservation check would report.
      if (dedupe === 'either') await stand.conserved(document.runId, { isListShared: true });
    }
    const run = await runInto(stand, 'L3-either');
    const records = await stand.cxflow(['records', run?.run_id ?? '', '--outcome', 'duplicate']);
    expect(records.stdout.match(/,duplicate,.*line 2/g), records.stdout).toHaveLength(3);

    const again = ['--again', '--existing', 'update', '--dedupe', 'both'];
    const { document } = await importFile(stand, 'same.csv', 'L3-both', ...again);
    expect(document.runId).not.toBe((await runInto(stand, 'L3-both'))?.run_id);
    expect(document.counts, 'counts of --again').toEqual({ total: 4, pending: 0, updated: 3, duplicate: 1 });
  });
});

/** The first run into this list. */
async function runInto({ client }: Stand, list: string) {
  return (await client.ledger.runs.list(100)).findLast(({ target }) => target === list);
}

it('cells that look like formulas survive an export to a spreadsheet and an import of the result', async () => {
  await onStand({}, async (stand) => {
    // An import removes one apostrophe before a formula, because our export or a spreadsheet may have added it.
    const cells = ['=1+1', '@home', "''=quoted", '-5', '+49 30', "O'Brien"];
    const risky = cells.map((firstName, i) => rowAt(i + 1, { firstName, optInStatus: 'maybe' }));
    stand.file('risky.csv', csv(risky));
    const first = await importFile(stand, 'risky.csv', 'L4');
    expect(first.document.counts).toEqual({ total: 6, pending: 0, invalid: 6 });
    const { stdout } = await stand.cxflow(['records', first.document.runId, '--outcome', 'invalid']);
    expect(stdout).toContain(",'=1+1,");
    stand.file('back.csv', stdout.replaceAll(',maybe,', ',confirmed,'));
    const second = await importFile(stand, 'back.csv', 'L4');
    expect(second.document.counts).toEqual({ total: 6, pending: 0, created: 6 });
    const read = ['=1+1', '@home', "'=quoted", '-5', '+49 30', "O'Brien"];
    expect(await firstNames(stand, first.document.runId)).toEqual(read);
    expect(await firstNames(stand, second.document.runId)).toEqual(read);
    for (const { document } of [first, second]) await stand.conserved(document.runId, { isListShared: true });
  });
});

async function firstNames({ client: { ledger } }: Stand, runId: string): Promise<unknown[]> {
  const { run_no: runNo } = await ledger.runs.get(runId);
  const names: unknown[] = [];
  for await (const { fields } of ledger.records.list(runNo)) names.push(fields.firstName);
  return names;
}
