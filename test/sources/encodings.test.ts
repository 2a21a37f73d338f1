import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourceEncoding } from '../../src/sources/encodings.ts';
import { openSource } from '../../src/sources/open.ts';
import { open, readRows, splitIntoChunks } from './harness.ts';

async function read(content: Uint8Array, encoding?: SourceEncoding, cuts: readonly number[] = []) {
  const source = await openSource(splitIntoChunks(content, cuts), { name: 'people.csv', encoding });
  const rows = [];
  for await (const row of source.rows()) rows.push(row);
  return { encoding: source.encoding, rows };
}

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const ROWS = 'id,name\r\n1,Zoë\r\n2,"😀, 😀"\r\n3,日本\r\n';

describe('the encoding of a source', () => {
  it.each<[string, Buffer, SourceEncoding]>([
    ['UTF-8', Buffer.from(ROWS), 'utf-8'],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${ROWS}`), 'utf-8'],
    ['UTF-16LE with a mark', Buffer.from(`\ufeff${ROWS}`, 'utf16le'), 'utf-16le'],
    ['UTF-16BE with a mark', utf16be(`\ufeff${ROWS}`), 'utf-16be'],
  ])('%s is detected, wherever the chunks end', async (_, content, encoding) => {
    const expected = { encoding, rows: await readRows(ROWS) };
    expect(await read(content)).toEqual(expected);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(content.length)), async (cuts) => {
        expect(await read(content, undefined, cuts)).toEqual(expected);
      }),
    );
  });

  it.each<[string, Buffer, SourceEncoding]>([
    ['UTF-16LE without a mark', Buffer.from(ROWS, 'utf16le'), 'utf-16le'],
    ['UTF-16BE without a mark', utf16be(ROWS), 'utf-16be'],
    ['Windows-1252', Buffer.from('id,name\n1,Zo\u00eb\n2,M\u00fcller\n', 'latin1'), 'windows-1252'],
  ])(
    '%s is refused with the option that is needed, and read with that option',
    async (_, content, encoding) => {
      const refused = read(content);
      await expect(refused).rejects.toMatchObject({ code: 'source_encoding' });
      await expect(refused).rejects.toThrow(new RegExp(`^people\\.csv: .*--encoding ${encoding}`));
      const { rows } = await read(content, encoding);
      expect(rows[0]?.fields).toEqual({ id: '1', name: 'Zoë' });
    },
  );

  it('is not overridden if the text is UTF-8, because names would be garbled', async () => {
    for (const encoding of ['windows-1252', 'latin1'] as const) {
      const refused = read(Buffer.from('id,name\n1,Ann\n2,Zoë\n'), encoding);
      await expect(refused).rejects.toMatchObject({ code: 'source_encoding', line: 3 });
      await expect(refused).rejects.toThrow(/the text is UTF-8, not .*Leave the encoding out/);
      const ascii = await read(Buffer.from('id,name\n1,Ann\n'), encoding);
      expect(ascii.rows[0]?.fields).toEqual({ id: '1', name: 'Ann' });
    }
    const cut = Buffer.from(`id,name\n${'1,ë\n'.repeat(20_000)}`);
    await expect(read(cut, 'windows-1252')).rejects.toMatchObject({ code: 'source_encoding' });
  });

  it('that first shows after the first block leads to broken rows, whose reason names the option', async () => {
    const late = Buffer.from(`id,name\n${'1,Ann\n'.repeat(15_000)}2,Zo\u00eb\n`, 'latin1');
    const { rows } = await read(late);
    expect(rows.at(-1)?.broken).toMatchObject({ code: 'row_not_utf8' });
    expect(rows.at(-1)?.broken?.message).toContain('--encoding windows-1252');
    expect((await read(late, 'windows-1252')).rows.at(-1)?.fields).toEqual({ id: '2', name: 'Zoë' });
  });

  it('is refused with the first line that is not UTF-8', async () => {
    const content = Buffer.from(`id,name\n${'1,Ann\n'.repeat(500)}2,Zo\u00eb\n`, 'latin1');
    await expect(read(content)).rejects.toMatchObject({ line: 502 });
  });

  it('Windows-1252: all its characters are read, and its five undefined bytes break their rows', async () => {
    const letters = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';
    const bytes = Array.from({ length: 32 }, (_, n) => 0x80 + n).filter(
      (byte) => ![0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte),
    );
    const content = Buffer.concat([
      Buffer.from('id,name\n1,'),
      Buffer.from(bytes),
      Buffer.from('\n2,x\u0081\n3,ÿÀ', 'latin1'),
    ]);
    for (const encoding of ['windows-1252', 'latin1'] as const) {
      const { rows } = await read(content, encoding);
      expect(rows.map(({ fields, broken }) => fields?.['name'] ?? broken?.code)).toEqual([
        letters,
        'row_not_utf8',
        'ÿÀ',
      ]);
    }
  });

  it('UTF-16: half a surrogate pair and a truncated end break their rows', async () => {
    const content = Buffer.concat([
      Buffer.from('\ufeffa,b\n1,\ud83d\n2,ok\n3,\udc00x\n4,😀\n5', 'utf16le'),
      Buffer.from([0x2c]),
    ]);
    const { rows } = await read(content);
    expect(rows.map(({ line, broken }) => `${line} ${broken?.code ?? 'ok'}`)).toEqual([
      '2 row_not_utf8',
      '3 ok',
      '4 row_not_utf8',
      '5 ok',
      '6 row_not_utf8',
    ]);
  });

  it('that contradicts the byte order mark is refused, and so is UTF-32', async () => {
    await expect(read(Buffer.from(`\ufeff${ROWS}`), 'windows-1252')).rejects.toThrow(
      /byte order mark of UTF-8/,
    );
    await expect(read(utf16be(`\ufeff${ROWS}`), 'utf-16le')).rejects.toThrow(/byte order mark of UTF-16BE/);
    await expect(read(Buffer.of(0xff, 0xfe, 0, 0, 0x61, 0, 0, 0))).rejects.toThrow(/UTF-32/);
  });

  it('is UTF-8 despite single invalid bytes and NULs, which break their rows', async () => {
    const content = Buffer.concat([
      Buffer.from('id,name\n1,Zoë\n2,Jörg\n3,M'),
      Buffer.of(0xfc),
      Buffer.from('ller\n4,\0\n5,Ann\n'),
    ]);
    const { rows } = await read(content);
    expect(rows.map(({ line, broken }) => `${line} ${broken?.code ?? 'ok'}`)).toEqual([
      '2 ok',
      '3 ok',
      '4 row_not_utf8',
      '5 row_not_text',
      '6 ok',
    ]);
  });

  it('may be UTF-16 for JSON', async () => {
    const content = Buffer.from('\ufeff[{"name":"Zoë"}]', 'utf16le');
    expect(await readRows(content, 'json')).toEqual([{ line: 1, fields: { name: 'Zoë' } }]);
  });

  it('UTF-16: any text is converted correctly, in both byte orders', async () => {
    const cell = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => !/[\0\p{Surrogate}]/u.test(text));
    // Binary content, such as rows of control characters only, is refused in every encoding.
    const read = (content: Buffer | string, cuts: readonly number[] = []) =>
      readRows(content, 'csv', cuts).then(
        (rows) => rows.map(({ fields }) => fields),
        (error: { code: string }) => error.code,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1 }), fc.array(fc.nat(99)), async (cells, cuts) => {
        const text = `\ufeffid,name\n${cells.map((each) => `1,"${each.replaceAll('"', '""')}"`).join('\n')}`;
        const expected = await read(text);
        expect(await read(Buffer.from(text, 'utf16le'), cuts)).toEqual(expected);
        expect(await read(utf16be(text), cuts)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('text that only looks like ASCII', () => {
  it.each([
    ['ISO-2022-JP', 'id,name\n1,\u001b$B;3ED\u001b(B\n'],
    ['HZ-GB-2312', 'id,name\n1,~{VPND~}\n'],
    ['ISO-2022-CN', 'id,name\n1,\u001b$)A\u000e;;\u000f\n'],
    ['ISO-2022-JP-2', 'id,name\n1,\u001b$(D0!\u001b(B\n'],
    ['UTF-7', 'id,name\n1,Zo+AOs-\n'],
    // As Python writes it.
    ['UTF-7', 'id,name,city\n1,Zo+AOs,K+APY-ln\n'],
    ['UTF-7', 'id,name\n1,+BB8EQARABDIENQRC- +BB8EQARABDIENQRC-\n'],
  ])('in %s is refused, and the message says how to convert it', async (name, text) => {
    const refused = open(text);
    await expect(refused).rejects.toMatchObject({ code: 'source_encoding', line: 2 });
    await expect(refused).rejects.toThrow(
      `the text looks like ${name} (first seen in line 2). Convert it: iconv`,
    );
  });

  it.each([
    ['ISO-2022-JP', '\u001b$B;3ED\u001b(B'],
    ['HZ-GB-2312', '~{VPND~}'],
    ['UTF-7', 'Zo+AOs-'],
  ])('in %s that first shows after the first block breaks its row', async (name, value) => {
    const rows = await readRows(`id,name\n${'1,Ann\n'.repeat(15_000)}2,${value}\n3,Bob\n`);
    expect(rows.at(-2)).toMatchObject({
      line: 15_002,
      broken: { code: 'row_other_encoding', message: expect.stringContaining(`iconv -f ${name}`) as string },
      legible: { id: '2', name: value },
    });
    expect(rows.at(-1)?.fields).toEqual({ id: '3', name: 'Bob' });
  });

  it.each([
    '+1415-555-0101',
    '+420-777',
    '+44-20',
    'ann+Abc-d@example.com',
    'a+b-c',
    '~{x}',
    '+-',
    '1+2-3',
    '+foo-bar',
  ])('is %s', async (value) => expect((await readRows(`a,b\n${value},x\n`))[0]?.fields?.['a']).toBe(value));
});

describe('text that is not UTF-8', () => {
  const ask = (bytes: readonly number[]) =>
    open(Buffer.concat([Buffer.from('id,name\n1,'), Buffer.from(bytes), Buffer.from('\n')]));
  it.each([
    ['Zoë', [0x5a, 0x6f, 0xeb]],
    ['Größe', [0x47, 0x72, 0xf6, 0xdf, 0x65]],
    ['Ann’s', [0x41, 0x6e, 0x6e, 0x92, 0x73]],
  ])('but plausible as Windows-1252 (%s) has that as its advice', async (_, bytes) => {
    await expect(ask(bytes)).rejects.toThrow(/probably Windows-1252.*--encoding windows-1252/);
  });

  it.each([
    ['Windows-1251', [0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]],
    ['Shift-JIS', [0x8e, 0x52, 0x93, 0x63]],
    ['ISO 8859-2', [0x50, 0x61, 0x77, 0x65, 0xb3]],
    ['Mac Roman', [0x5a, 0x6f, 0x91, 0x65, 0x52, 0x65, 0x6e, 0x8e, 0x65]],
  ])('nor plausible as Windows-1252 (%s) has the options listed', async (_, bytes) => {
    await expect(ask(bytes)).rejects.toThrow(/not look like Windows-1252 either.*iconv.*utf-16le/);
  });
});
