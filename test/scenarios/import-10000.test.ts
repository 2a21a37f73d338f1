/** A file of 10,000 contacts, some of them invalid on purpose: from the first import to that of the corrected rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { expect, it } from 'vitest';
import { type DemoCounts, writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { csv } from './contacts.ts';
import { runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();
const IMPORT = ['contacts', 'import', 'contacts.csv', '--list'];

type Cells = Readonly<Record<string, string>>;

async function demoFile({ folder }: Stand): Promise<DemoCounts> {
  const expected = await writeDemoContacts({ path: join(folder, 'contacts.csv') });
  expect(expected.invalid, 'invalid rows').toBeGreaterThan(200);
  return expected;
}

it('imports 10,000 contacts, prints the outcomes, and finds the same run when the file is imported again', async () => {
  await onStand({}, async (stand) => {
    const { valid, invalid, duplicate } = await demoFile(stand);
    const first = await stand.cxflow([...IMPORT, 'L1']);
    expect(first, first.stdout).toMatchObject({ code: 3, stderr: '' });
    const runId = runIdIn(first.stdout);
    const number = (n: number) => n.toLocaleString('en-GB');
    expect(first.stdout).toContain('contacts.csv: 10,000 rows');
    // Which phases are printed depends on how fast they pass.
    expect(first.stdout).toMatch(/^(starting|reading and checking the source|writing to CXone)/m);
    expect(first.stdout).toMatch(new RegExp(`completed after .*${runId}`));
    expect(first.stdout).toMatch(new RegExp(`created +${number(valid)} +97\\.\\d %`));
    expect(first.stdout).toMatch(new RegExp(`invalid +${invalid} +2\\.\\d %`));
    expect(first.stdout).toMatch(new RegExp(`duplicate +${duplicate} +0\\.\\d %`));
    expect(first.stdout).toMatch(/total +10,000 +100\.0 %/);
    expect(first.stdout).toContain(
      `success rate  ${(valid / 100).toFixed(2)} % (${number(valid)} of 10,000 records)`,
    );
    expect(first.stdout).toContain(`records ${runId} --outcome invalid`);
    expect(first.stdout, 'output without a terminal').not.toMatch(/\r|\u001b/);

    const { total, ...parts } = await stand.conserved(runId);
    expect({ total, ...parts }).toEqual({ total: 10_000, pending: 0, created: valid, invalid, duplicate });

    const again = await stand.cxflow([...IMPORT, 'L1']);
    expect(again.code).toBe(3);
    expect(again.stdout).toContain(`nothing was started, because run ${runId} did the same before`);
    expect(again.stdout).toMatch(/total +10,000/);
    expect(await stand.admin.journal({ list: 'L1' })).toHaveLength(valid);
    expect((await stand.client.ledger.runs.list(10)).map((run) => run.run_id)).toEqual([runId]);
    await stand.conserved(runId);
  });
});

it('writes the invalid rows with every reason, as a file that can be corrected and imported', async () => {
  await onStand({}, async (stand) => {
    const { valid, invalid } = await demoFile(stand);
    const { document: result } = await stand.json<ContactImportResult>([...IMPORT, 'L2']);
    const records = (...more: string[]) => stand.cxflow(['records', result.runId, ...more]);
    const [asCsv, asNdjson, asJson] = await Promise.all([
      records('--outcome', 'invalid', '--format', 'csv'),
      records('--outcome', 'invalid', '--format', 'ndjson', '--out', 'invalid.ndjson'),
      records('--outcome', 'invalid', '--format', 'json'),
    ]);
    expect([asCsv.code, asNdjson.code, asJson.code]).toEqual([0, 0, 0]);
    const rows: Cells[] = parse(asCsv.stdout, { columns: true });
    const lines = readFileSync(join(stand.folder, 'invalid.ndjson'), 'utf8').trim().split('\n');
    const objects = JSON.parse(asJson.stdout) as unknown[];
    expect(asNdjson.stdout, 'stdout with --out').toBe('');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(objects);
    expect([rows.length, objects.length]).toEqual([invalid, invalid]);
    expect(asCsv.stderr).toContain(`${invalid} records`);

    const reasons = rows.map((row) => row.cxflow_reasons ?? '');
    const codes = new Set(reasons.flatMap((text) => text.match(/[a-z0-9_]+(?=[ :;]|$)/g) ?? []));
    for (const code of ['phone_not_e164', 'consent_too_old', 'row_too_few_cells'])
      expect(codes).toContain(code);
    expect(reasons.find((text) => text.includes('contact_id_missing'))).toContain('; phone_missing (phone)');
    expect(new Set(rows.map((row) => row.cxflow_outcome))).toEqual(new Set(['invalid']));

    const lineOf = readFileSync(join(stand.folder, 'contacts.csv'), 'utf8').split('\n');
    for (const row of rows.filter(({ contactId, cxflow_raw: raw }) => !raw && contactId)) {
      expect(lineOf[Number(row.cxflow_line) - 1], row.cxflow_line).toMatch(new RegExp(`^${row.contactId},`));
    }

    stand.file('corrected.csv', csv(rows.map(corrected)));
    const second = await stand.json<ContactImportResult>([
      'contacts',
      'import',
      'corrected.csv',
      '--list',
      'L2',
    ]);
    expect(second.code).toBe(0);
    expect(second.document.counts).toEqual({ total: invalid, pending: 0, created: invalid });
    for (const { runId } of [result, second.document]) await stand.conserved(runId, { isListShared: true });
    expect(await stand.admin.journal({ list: 'L2' })).toHaveLength(valid + invalid);
  });
});

/** Corrects a row as in a spreadsheet, keeping the three columns that cxflow added. */
function corrected(row: Cells, index: number): Cells {
  const raw = row.cxflow_raw ? row.cxflow_raw.split(',') : [];
  return {
    contactId: row.contactId || raw[0] || `found-${index}`,
    firstName: row.firstName || raw[1] || '',
    phone: `+1415555${2_000 + index}`,
    consentTimestamp: new Date().toISOString().slice(0, 10),
    optInStatus: 'confirmed',
    cxflow_line: row.cxflow_line ?? '',
    cxflow_outcome: row.cxflow_outcome ?? '',
    cxflow_reasons: 'corrected',
  };
}
