import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceError } from '../../src/sources/errors.ts';
import { upTo } from '../ledger/harness.ts';
import { table, writeSheet, writeWorkbook } from '../sources/workbooks/write.ts';
import { clientOfFile, problemsOf } from './harness.ts';

const made = clientOfFile();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-client-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function datasets(): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from datasets`.execute(made().database.db);
  return Number(rows[0]?.n);
}

async function chunks(): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from dataset_chunks`.execute(
    made().database.db,
  );
  return Number(rows[0]?.n);
}

describe('staging a file', () => {
  const HEADER = 'contactId,phone,consentTimestamp,optInStatus';
  const file = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('stores its bytes and returns the number of rows; the same file is the same dataset', async () => {
    const path = await file('ok.csv', `${HEADER}\nc1,+14155550101,2026-01-01,confirmed\nbroken\n`);
    const seen: number[] = [];
    const staged = await made().client.stageFile(path, { onProgress: (bytes) => seen.push(bytes) });
    expect(staged.rows).toBe(2);
    expect(seen.at(-1)).toBe(staged.bytes);
    expect((await made().client.stageFile(path)).source).toEqual(staged.source);
  });

  it.each([
    ['missing.csv', null],
    ['empty.csv', ''],
    ['header.csv', `${HEADER}\n`],
    ['binary.csv', Buffer.from([0, 1, 2, 255, 0])],
    ['quote.csv', `${HEADER}\n"c1,+14155550101,2026-01-01,confirmed\n`],
    ['list.json', '[]'],
    ['cut.json', '[{"contactId":"c1"},'],
    ['latin.csv', Buffer.from(`${HEADER}\nZo\u00eb,+14155550101,2026-01-01,confirmed\n`, 'latin1')],
    ['twice.csv', 'contactId,contactId\n1,2\n'],
    ['what.xlsx', 'x'],
  ])('that cannot be read is not stored: %s', async (name, content) => {
    const path = content === null ? join(folder, name) : await file(name, content);
    const before = await datasets();
    await expect(made().client.stageFile(path)).rejects.toBeInstanceOf(SourceError);
    expect(await datasets()).toBe(before);
  });

  it('in another encoding is staged as the same text in UTF-8, and is the same dataset', async () => {
    const text = `${HEADER}\nZo\u00eb,+14155550101,2026-01-01,confirmed\n`;
    const { client } = made();
    const staged = await client.stageFile(await file('8.csv', text));
    const wide = await client.stageFile(await file('16.csv', Buffer.from(`\ufeff${text}`, 'utf16le')));
    const latin = await file('1252.csv', Buffer.from(text, 'latin1'));
    const latinStaged = await client.stageFile(latin, { encoding: 'windows-1252' });
    expect([staged.encoding, wide.encoding, latinStaged.encoding]).toEqual([
      'utf-8',
      'utf-16le',
      'windows-1252',
    ]);
    expect(wide.source).toEqual(staged.source);
    expect(latinStaged.source).toEqual(staged.source);
  });

  it('that is a workbook is staged as the text of its sheet, and a workbook saved anew is the same dataset', async () => {
    const contactId = 'crm-of-a-workbook';
    const rows = table(HEADER.split(','), [contactId, '+14155550101', '2026-01-01', 'confirmed']);
    const { client, ledger } = made();
    const staged = await client.stageFile(await file('1.xlsx', await writeSheet(rows)));
    expect(staged).toMatchObject({ rows: 1, sheet: { name: 'Contacts', hiddenRows: 0, hiddenColumns: 0 } });
    const parts = { 'docProps/core.xml': '<coreProperties><modified>2026-11-29</modified></coreProperties>' };
    const again = await client.stageFile(await file('2.xlsx', await writeSheet(rows, { parts })));
    expect(again.source).toEqual(staged.source);
    const { id } = staged as unknown as { id: string };
    expect(await buffer(ledger.datasets.read(id))).toEqual(
      Buffer.from(
        `{"sheet":"Contacts","row":1,"cells":${JSON.stringify(HEADER.split(','))},"damaged":[],"isTooLarge":false}\n` +
          `[2,"${contactId}","+14155550101","2026-01-01","confirmed"]\n`,
      ),
    );
    // An erasure searches the text, which it could not do with a compressed file.
    expect(await ledger.erasures.preview(contactId)).toMatchObject({ datasets: 1 });
  });

  it('that is a workbook is staged from the sheet that was chosen', async () => {
    const sheets = ['May', 'June'].map((name) => ({
      name,
      rows: table(HEADER.split(','), [name, '+14155550101', '2026-01-01', 'confirmed']),
    }));
    const path = await file('sheets.xlsx', await writeWorkbook({ sheets }));
    await expect(made().client.stageFile(path)).rejects.toMatchObject({ code: 'source_sheet' });
    expect((await made().client.stageFile(path, { sheet: '2' })).sheet?.name).toBe('June');
  });

  it('that changes while it is read is not stored', async () => {
    const rows = upTo(4_000).map((n) => `c${n},+1415555${String(n).padStart(4, '0')},2026-01-01,confirmed`);
    const path = await file('changing.csv', `${HEADER}\n${rows.join('\n')}\n`);
    const before = await datasets();
    const onProgress = () => {
      // The first block has been read already, so the second reading finds another one.
      const handle = openSync(path, 'r+');
      writeSync(handle, 'x', HEADER.length + 1);
      closeSync(handle);
    };
    const staging = made().client.stageFile(path, { onProgress });
    await expect(staging).rejects.toThrow(/changing\.csv: the file was changed while it was read/);
    expect(await datasets()).toBe(before);
  });

  it('without the required columns is not stored, and the error names them', async () => {
    const path = await file('columns.csv', 'name,tel\nann,+14155550101\n');
    const before = await datasets();
    const problems = await problemsOf(made().client.stageFile(path, { operation: 'contactImport' }));
    expect(problems.join('\n')).toMatch(/contactId.*phone/s);
    expect(await datasets()).toBe(before);
  });

  it.each(['contactimport', 'toString'])(
    'for an operation that does not exist (%s) is refused instead of not being checked',
    async (operation) => {
      const path = await file('unchecked.csv', 'name,tel\nann,+14155550101\n');
      const before = await datasets();
      const problems = await problemsOf(made().client.stageFile(path, { operation } as never));
      expect(problems.join()).toMatch(new RegExp(`contactImport.*not ${operation}`));
      expect(await datasets()).toBe(before);
    },
  );

  it('with a map to an unknown field is refused, even for rows without a header', async () => {
    const path = await file('rows.ndjson', '{"contactId": "c1"}\n');
    const before = await datasets();
    expect(
      (
        await problemsOf(made().client.stageFile(path, { operation: 'contactImport', map: { fone: 'tel' } }))
      ).join(),
    ).toContain('fone');
    expect(await datasets()).toBe(before);
  });

  it('is not stored if the check of its rows finds a problem with all of them together', async () => {
    const path = await file('plam.ndjson', '{"email":"a@example.com","plam":"gold"}\nbroken\n');
    const noted: object[] = [];
    const rowsCheck = {
      note: (fields: object) => noted.push(fields),
      problems: () => (noted.length === 1 ? ['no plan'] : []),
    };
    const before = await datasets();
    expect(await problemsOf(made().client.stageFile(path, { rowsCheck }))).toEqual(['no plan']);
    expect(noted).toEqual([{ email: 'a@example.com', plam: 'gold' }]);
    expect(await datasets()).toBe(before);
  });

  it('of rows that end with an error stores nothing', async () => {
    const broken = async function* () {
      yield { contactId: 'c1' };
      await Promise.resolve();
      throw new Error('the service is gone');
    };
    const before = await datasets();
    await expect(made().client.stageRows(broken())).rejects.toThrow('the service is gone');
    expect(await datasets()).toBe(before);
  });
});

describe('a source that is too large', () => {
  const limits = { maxSourceBytes: 3_000_000 };
  const tooLarge = (name: string) => ({
    name: 'SourceError',
    code: 'source_too_large',
    message: expect.stringMatching(
      `^${name}: it has at least 3,\\d{3},\\d{3} bytes of text, .* 3,000,000 at most\\. Split it, or raise CXFLOW_MAX_SOURCE_BYTES`,
    ) as string,
  });
  /** 1,000 bytes with its line end. */
  const row = (n: number) => ({ contactId: String(n).padStart(10, '0'), note: 'x'.repeat(963) });

  it('is not stored if it is a file, even one that grows while it is read', async () => {
    const path = join(folder, 'growing.ndjson');
    const line = `${JSON.stringify(row(1))}\n`;
    await writeFile(path, line.repeat(100));
    const before = [await datasets(), await chunks()];
    const onProgress = (bytes: number) => {
      if (bytes < 10_000_000) appendFileSync(path, line.repeat(100));
    };
    const staging = made().client.stageFile(path, { limits, onProgress });
    await expect(staging).rejects.toMatchObject(tooLarge('growing.ndjson'));
    expect([await datasets(), await chunks()]).toEqual(before);
  });

  it('is not stored if it is rows of a service, of which no more are taken', async () => {
    const before = [await datasets(), await chunks()];
    let [taken, isReleased] = [0, false];
    const rows = function* (count = 10_000) {
      try {
        for (taken = 0; taken < count; ) yield row((taken += 1));
      } finally {
        isReleased = true;
      }
    };
    const staging = made().client.stageRows(rows(), 'nightly', { limits });
    await expect(staging).rejects.toMatchObject(tooLarge('nightly'));
    expect([taken, isReleased]).toEqual([3_001, true]);
    expect([await datasets(), await chunks()]).toEqual(before);
    expect(await made().client.stageRows(rows(3_000), 'nightly', { limits })).toMatchObject({
      rows: 3_000,
      bytes: 3_000_000,
    });
  });
});
