/** What is a row of CSV, and what only looks like one. */
import { describe, expect, it } from 'vitest';
import { readRows } from './harness.ts';

describe('CSV', () => {
  it('has no record for a row without any value, and one for a row with one value', async () => {
    const text = 'a,b\n1,2\n,\n , \n\t,\u00a0\n"",""\n,,,,\n\ufeff,\u200b\n,x\n"""",\n';
    expect((await readRows(text)).map((row) => [row.line, row.fields])).toEqual([
      [2, { a: '1', b: '2' }],
      [9, { a: '', b: 'x' }],
      [10, { a: '"', b: '' }],
    ]);
  });

  it.each(['\n', '\r\n'])('that ends its lines with %j may have a lone CR inside of a cell', async (end) => {
    const text = ['a,b', '1,x\ry', 'p\rq,2', '3,z', ''].join(end);
    const rows = [
      { line: 2, fields: { a: '1', b: 'x\ry' } },
      { line: 4, fields: { a: 'p\rq', b: '2' } },
      { line: 6, fields: { a: '3', b: 'z' } },
    ];
    expect(await readRows(text)).toEqual(rows);
    for (let cut = 1; cut < text.length; cut += 1)
      expect(await readRows(text, 'csv', [cut]), String(cut)).toEqual(rows);
  });

  it('may end its lines with CR, or with CR CR LF', async () => {
    const fields = [
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ];
    for (const end of ['\r', '\r\r\n'])
      expect((await readRows(['a,b', '1,x', '2,y', ''].join(end))).map((row) => row.fields)).toEqual(fields);
  });

  it.each([
    'Contacts of November\nid,phone,name\n1,2,3\n',
    'Contacts of November;;\n\nid;phone;name\n1;2;3\n',
    '"Contacts, November"\n\nid,phone,name\n1,2,3\n',
    '"Contacts ""VIP""",,\n,,\nid,phone,name\n1,2,3\n',
    'Report\nmade 2026-11-02 by ann@example.com\nid\tphone\tname\n1\t2\t3\n',
  ])('with a title above the header is refused, and the message names both lines: %j', async (text) => {
    const refused = readRows(text);
    await expect(refused).rejects.toMatchObject({ code: 'source_no_header', line: 1 });
    await expect(refused).rejects.toThrow(
      /line 1 looks like a title.*line [23] looks like the header\. Remove/,
    );
  });

  it('may have rows without any value above its header', async () => {
    expect(await readRows(',,\n" ",\u00a0,\nid,phone,name\n1,2,3\n')).toEqual([
      { line: 4, fields: { id: '1', phone: '2', name: '3' } },
    ]);
    await expect(readRows(',,\n,,\n')).rejects.toMatchObject({ code: 'source_no_header', line: 1 });
  });

  it('with one column has no title', async () => {
    expect(await readRows('phone\n1\n2\n')).toHaveLength(2);
    expect(await readRows('phone\na,b,1234567\n')).toHaveLength(1);
  });
});
