import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SOURCE_LIMITS } from '../../src/domain/source-limits.ts';
import { all, ledgerOfFile, someId } from '../ledger/harness.ts';
import { row as sheetRow, table, text, writeWorkbook } from '../sources/workbooks/write.ts';
import { createWorker, fakeCxone, runActivity } from './harness.ts';
import { csv, HEADER, row, useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { folder, writeCsv, stage, openRunOf, countExactly } = useSourceFolder(opened);

beforeAll(async () => {
  const { root, sourceDir } = folder;
  await writeFile(join(root, 'secret.csv'), csv(3));
  await symlink(join(root, 'secret.csv'), join(sourceDir, 'link.csv'));
  await symlink(root, join(sourceDir, 'folder'));
  await mkdir(join(root, 'sources-of-others'));
  await writeFile(join(root, 'sources-of-others', 'a.csv'), csv(3));
});

describe('a path', () => {
  it.each([
    '../secret.csv',
    'inner/../../secret.csv',
    'link.csv',
    'folder/secret.csv',
    '../sources-of-others/a.csv',
    '/etc/passwd',
  ])('that leads out of the source folder is refused: %s', async (path) => {
    const run = await openRunOf({ path, format: 'csv' });
    const failure = { type: 'SourceUnreadable', nonRetryable: true };
    await expect(stage(run)).rejects.toMatchObject(failure);
    await expect(stage(run)).rejects.toThrow(/CXFLOW_SOURCE_DIR/);
    expect(await countExactly(run)).toEqual({ total: 0, pending: 0 });
  });

  it('inside the source folder is read, absolute or relative, even if its name begins with dots', async () => {
    await writeFile(join(folder.sourceDir, '..dots.csv'), csv(2));
    await writeFile(join(folder.sourceDir, 'inner', 'b.csv'), csv(2));
    for (const path of [
      '..dots.csv',
      'inner/b.csv',
      'inner/../inner/b.csv',
      join(folder.sourceDir, 'inner', 'b.csv'),
    ]) {
      const run = await openRunOf({ path }, { again: true });
      await sql`update runs set again = true where run_no = ${run.run_no}`.execute(opened().database.db);
      await stage(run);
      expect(await countExactly(run)).toEqual({ total: 2, pending: 2 });
    }
  });

  it.each(['none.csv', 'inner', 'a.xlsx'])('that cannot be read fails the run: %s', async (path) => {
    const run = await openRunOf({ path });
    await expect(stage(run)).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
  });

  it('of a workbook is read from its sheet, and a damaged cell makes its row invalid', async () => {
    const id = someId('crm');
    const [header = [], good = []] = [HEADER, row(1)].map((line) => line.split(','));
    const sheets = [
      { name: 'Old', rows: table(header, good) },
      {
        name: 'New',
        rows: [
          ...table(header, [id, ...good.slice(1)]),
          sheetRow(7, text('A7', `${id}-7`), '<c r="B7" t="e"><v>#N/A</v></c>'),
        ],
      },
    ];
    await writeFile(join(folder.sourceDir, 'book.xlsx'), await writeWorkbook({ sheets }));
    await expect(stage(await openRunOf({ path: 'book.xlsx' }))).rejects.toMatchObject({
      type: 'SourceUnreadable',
      message: expect.stringContaining('several sheets have rows: "Old", "New"') as string,
    });
    const run = await openRunOf({ path: 'book.xlsx', sheet: 'New' });
    await stage(run);
    expect(await countExactly(run)).toEqual({ total: 2, pending: 1, invalid: 1 });
    expect((await opened().ledger.runs.get(run.run_id)).source).toMatchObject({
      format: 'xlsx',
      sheet: 'New',
    });
    const records = await all(opened().ledger.records.list(run.run_no));
    expect(records.map(({ line, fields }) => [line, fields])).toEqual([
      [2, { contactId: id, phone: good[1], consentTimestamp: good[2], optInStatus: good[3] }],
      [7, { contactId: `${id}-7`, phone: '#N/A', consentTimestamp: '', optInStatus: '' }],
    ]);
    expect(records[1]?.reasons).toEqual([
      expect.objectContaining({
        code: 'cell_error',
        field: 'phone',
        message: expect.stringContaining('B7') as string,
      }),
    ]);
  });

  it('fails the run with a hint if the source folder does not exist', async () => {
    const run = await openRunOf({ path: 'a.csv' });
    const staging = stage(run, { sourceDir: join(folder.root, 'gone') });
    await expect(staging).rejects.toThrow(/CXFLOW_SOURCE_DIR/);
  });

  it('is not read by a worker without a source folder, not even from where the worker runs', async () => {
    const run = await openRunOf({ path: 'package.json' });
    const staging = stage(run, { sourceDir: null });
    await expect(staging).rejects.toThrow(/set CXFLOW_SOURCE_DIR, or stage the file/);
    await expect(staging).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
  });
});

describe('a source that is larger than the limit of the worker', () => {
  const content = csv(5_000);
  const bytes = Buffer.byteLength(content);
  const limitedTo = (maxSourceBytes: number) => ({
    sourceLimits: { ...DEFAULT_SOURCE_LIMITS, maxSourceBytes },
  });
  const sources = {
    'a file': async () => ({ path: await writeCsv(content) }),
    'a dataset': async () => {
      const { id } = await opened().ledger.datasets.stage(
        someId('d'),
        'csv',
        Readable.from([Buffer.from(content)]),
      );
      return { dataset: id };
    },
  };

  it.each(Object.entries(sources))(
    'fails the run before anything is staged, and the run continues with a higher one: %s',
    async (what, source) => {
      const run = await openRunOf(await source(), { listId: what });
      const staging = stage(run, limitedTo(bytes - 1));
      await expect(staging).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
      await expect(staging).rejects.toThrow(
        new RegExp(
          `it has (?:at least )?${bytes.toLocaleString('en-GB')} bytes .*Split it, or raise CXFLOW_MAX_SOURCE_BYTES`,
        ),
      );
      expect(await countExactly(run)).toEqual({ total: 0, pending: 0 });
      expect((await opened().ledger.runs.get(run.run_id)).source).toBeNull();
      await sql`update runs set again = true where run_no = ${run.run_no}`.execute(opened().database.db);
      await stage(run, limitedTo(bytes));
      expect(await countExactly(run)).toEqual({ total: 5_000, pending: 5_000 });
    },
  );

  it('is not checked row by row either', async () => {
    const { dataset } = await sources['a dataset']();
    const { activities } = createWorker(opened().ledger, fakeCxone().cxone, limitedTo(bytes - 1));
    const checking = runActivity(() => activities.checkRows({ dataset, channel: 'email', isLastPass: true }));
    await expect(checking).rejects.toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
    await expect(checking).rejects.toThrow(/CXFLOW_MAX_SOURCE_BYTES/);
  });
});
