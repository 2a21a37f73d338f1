import { describe, expect, it } from 'vitest';
import { readValues } from './workbooks/read.ts';
import { row, table, writeWorkbook } from './workbooks/write.ts';

describe('the sheet that is read', () => {
  const filled = (name: string, state?: 'hidden' | 'veryHidden') => ({
    name,
    rows: table(['a'], [name]),
    ...(state && { state }),
  });
  const empty = { name: 'Empty', rows: [row(1, '<c r="A1" s="0"/>')] };
  const read = async (sheets: Parameters<typeof writeWorkbook>[0]['sheets'], sheet?: string) =>
    readValues(await writeWorkbook({ sheets: sheets ?? [] }), sheet === undefined ? {} : { sheet });

  it('is the only visible one with values', async () => {
    expect(await read([empty, filled('Old', 'hidden'), filled('Mai'), empty])).toEqual(['Mai']);
  });

  it('has to be chosen if there are several', async () => {
    await expect(read([filled('May'), empty, filled('June'), filled('x', 'hidden')])).rejects.toMatchObject({
      code: 'source_sheet',
      message: expect.stringContaining(
        'several sheets have rows: "May", "June". Choose one: --sheet "May"',
      ) as string,
    });
  });

  it('is the one with the given name or number; hidden ones have no number', async () => {
    const sheets = [filled('May'), filled('Old', 'veryHidden'), filled('June'), filled('1')];
    expect(await read(sheets, 'June')).toEqual(['June']);
    expect(await read(sheets, 'jUNE')).toEqual(['June']);
    expect(await read(sheets, 'old')).toEqual(['Old']);
    expect(await read(sheets, '2')).toEqual(['June']);
    expect(await read(sheets, '1')).toEqual(['1']);
    await expect(read(sheets, '4')).rejects.toMatchObject({
      code: 'source_sheet',
      message: expect.stringContaining('Its sheets are: "May", "Old" (hidden), "June", "1"') as string,
    });
  });

  it('cannot be a chart, nor one of a workbook without values', async () => {
    const parts = { 'xl/worksheets/sheet1.xml': null };
    const bytes = await writeWorkbook({ sheets: [filled('Chart'), filled('Data')], parts });
    expect(await readValues(bytes)).toEqual(['Data']);
    await expect(readValues(bytes, { sheet: 'Chart' })).rejects.toMatchObject({ code: 'source_sheet' });
    await expect(read([empty, { ...empty, name: 'Other' }])).rejects.toMatchObject({ code: 'source_empty' });
  });

  it('is not a question of other formats', async () => {
    const { openFileText } = await import('../../src/sources/text-of-file.ts');
    const { DEFAULT_SOURCE_LIMITS: limits } = await import('../../src/domain/source-limits.ts');
    const open = (options: object) =>
      openFileText(import.meta.filename, { name: 'a', format: 'csv', limits, ...options });
    await expect(open({ sheet: 'May' })).rejects.toMatchObject({ code: 'source_sheet' });
    await expect(open({ format: 'xlsx', encoding: 'utf-8' })).rejects.toMatchObject({
      code: 'source_encoding',
    });
  });
});
