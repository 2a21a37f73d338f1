/** Cells of a row must not be taken for the names of columns, because those appear in messages. */
import { describe, expect, it } from 'vitest';
import { looksLikeRow } from '../../src/sources/header.ts';
import { open, readRows } from './harness.ts';

describe('the first line of a CSV', () => {
  it.each([
    ['a telephone number', 'c-1,Doe,+14155550100'],
    ['a number in groups', 'c-1,Doe,(212) 555-0143'],
    ['a number in another spelling', 'c-1,Doe,049 176 1234567'],
    ['an address', 'c-1,Doe,jane@example'],
    ['a date', 'c-1,Doe,2026-01-01'],
    ['a date with its time', 'c-1,Doe,2026-01-01T10:00:00Z'],
    ['an opt-in status', 'c-1,Doe,Confirmed'],
    ['the other opt-in status, in quotes', 'c-1,Doe,"pending"'],
  ])('with %s is not a header, and is not quoted in the message', async (_, line) => {
    const failure = await open(`${line}\nc-2,Roe,x\n`).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ code: 'source_no_header', line: 1 });
    const { message } = failure as Error;
    expect(message).toContain('line 1 looks like a row, not like a header');
    for (const cell of line.split(',')) expect(message).not.toContain(cell);
  });

  it('may have names with digits, dates and statuses', () => {
    const names = [
      'contactId',
      'Phone 1',
      'phone 9 (2026)',
      'consent date',
      'opt-in confirmed',
      'pending since',
    ];
    expect(looksLikeRow(names)).toBe(false);
  });

  it.each([
    ['sep=;\r\nid;name\r\n1;a,b\r\n', 'a,b'],
    ['\ufeff"sep=;"\nid;name\n1;a,b\n', 'a,b'],
    ['SEP=\t\nid\tname\n1\ta;b\n', 'a;b'],
    ['sep=|\n\nid|name\n1|x\n', 'x'],
  ])('may be a separator line of Excel (%j)', async (text, name) => {
    const [row] = await readRows(text);
    expect(row?.fields).toEqual({ id: '1', name });
    expect(row?.line).toBe(text.includes('\n\n') ? 4 : 3);
  });

  it('is refused if it names an unsupported separator or nothing follows', async () => {
    await expect(open('sep=x\nidxname\n')).rejects.toMatchObject({ code: 'source_no_header', line: 1 });
    await expect(open('sep=;\n')).rejects.toMatchObject({ code: 'source_empty' });
    expect((await open('sep=\n1\n')).columns).toEqual(['sep=']);
  });

  it('is refused without being quoted if it has the same cell twice', async () => {
    await expect(open('c-1,Doe,Doe\nc-2,Roe,Roe\n')).rejects.toThrow(
      /^people: line 1 names a column twice: columns 2 and 3 have the same name\. Rename or remove one of them$/,
    );
  });
});
