import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SOURCE_LIMITS } from '../../src/domain/source-limits.ts';
import { SourceError } from '../../src/sources/errors.ts';
import { readFileBytes, verifyUnchanged } from '../../src/sources/files.ts';
import { resolveFormat, type SourceFormat } from '../../src/sources/format.ts';
import { openSource } from '../../src/sources/open.ts';
import { type Content, open, readRows, splitIntoChunks } from './harness.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-sources-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function readError(content: Content, format: SourceFormat = 'csv'): Promise<SourceError> {
  const error: unknown = await readRows(content, format).then(
    () => new Error('was read'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SourceError);
  return error as SourceError;
}

describe('a source that cannot be read as a whole', () => {
  it.each<[string, Content, string, string]>([
    ['an empty file', '', 'source_empty', 'file is empty'],
    ['only a byte order mark', '\ufeff', 'source_empty', 'only white space'],
    ['only blank lines', ' \r\n\n\t\n', 'source_empty', 'only white space'],
    ['only a header', 'contactId,phone\n', 'source_empty', 'header, but no row'],
    ['a file of NUL bytes', 'a,b\0\n', 'source_binary', 'NUL'],
    ['a workbook', Buffer.from('PK\u0003\u0004rest'), 'source_binary', '--format xlsx'],
    ['a compressed file', gzipSync('a,b\n1,2\n'), 'source_binary', 'gunzip'],
    ['only a header, without a line end', 'a,b', 'source_empty', 'header, but no row'],
    ['an old workbook', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0]), 'source_binary', 'CSV UTF-8'],
    ['a ZIP archive', Buffer.from('PK\u0003\u0004\u0014 people.csv'), 'source_binary', 'ZIP archive'],
    [
      'a new workbook',
      Buffer.from('PK\u0003\u0004 [Content_Types].xml'),
      'source_binary',
      'Excel workbook or',
    ],
    ['an empty archive', Buffer.from('PK\u0005\u0006\0\0'), 'source_binary', 'ZIP archive'],
    ['a login page', '\n <!DOCTYPE html>\n<html>', 'source_format_unknown', 'login page'],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]), 'source_binary', 'NUL'],
    ['JSON', '[{"a":1}]', 'source_format_unknown', 'JSON, not CSV'],
    ['NDJSON', '{"a":1}\n{"a":2}', 'source_format_unknown', '.ndjson'],
    [
      'addresses instead of a header',
      'ann@example.com,x\nbob@example.com,y\n',
      'source_no_header',
      'looks like a row',
    ],
    [
      'numbers instead of a header',
      '0151 2345678,x\n0152 2345678,y\n',
      'source_no_header',
      'looks like a row',
    ],
    ['a million columns', `${'c,'.repeat(999_999)}c\n`, 'source_no_header', 'CXFLOW_MAX_ROW_BYTES'],
    ['too many columns', `${'c,'.repeat(1_000)}c\n1`, 'source_too_many_columns', '1,001 columns'],
    [
      'no header',
      'crm-1,+14155550100\ncrm-2,+14155550101\n',
      'source_no_header',
      'looks like a row, not like a header',
    ],
    ['a header without a name', ',,\n,,\n', 'source_no_header', 'names no column'],
    ['a header with a bad quote', 'a,"b"c\n1,2\n', 'source_no_header', 'quote'],
    ['a column named twice', 'a,b, a\n1,2,3\n', 'source_duplicate_column', 'columns 1 and 3 have'],
  ])('%s is refused with advice', async (_, content, code, words) => {
    const error = await readError(content);
    expect([error.code, error.name]).toEqual([code, 'SourceError']);
    expect(error.message).toContain('people: ');
    expect(error.message).toContain(words);
  });

  it('with a quote that is never closed is read up to it, and the error has its line', async () => {
    const source = await open('a,b\n1,2\n3,"x\n4,5\n6,7\n');
    const rows = source.rows()[Symbol.asyncIterator]();
    expect((await rows.next()).value).toMatchObject({ line: 2 });
    await expect(rows.next()).rejects.toMatchObject({ code: 'source_unclosed_quote', line: 3 });
    expect((await readError('a,"b\n1,2\n')).line).toBe(1);
  });

  it('is refused even if the unclosed quote is in a row far larger than the limit', async () => {
    const error = await readError(`a,b\n1,"${'x\n'.repeat(3_000_000)}`);
    expect([error.code, error.line]).toEqual(['source_unclosed_quote', 2]);
  });

  it('is refused if it is a JSON array instead of NDJSON', async () => {
    expect((await readError(' [\n{"a":1}]', 'ndjson')).message).toContain('--format json');
  });

  it('is refused in chunks of any size', async () => {
    await expect(readRows(gzipSync('a,b\n1,2\n'), 'csv', [1, 2, 3])).rejects.toMatchObject({
      code: 'source_binary',
    });
  });

  it('does not include UTF-8 with a character across the end of the first block', async () => {
    for (const filler of [65_528, 65_529, 65_530, 65_531, 65_532]) {
      const rows = await readRows(`a\n${'x'.repeat(filler)}😀é😀\nlast\n`);
      expect(rows.map((row) => row.broken)).toEqual([undefined, undefined]);
    }
  });
});

describe('the format of a source', () => {
  it.each<[string, SourceFormat]>([
    ['a.csv', 'csv'],
    ['A.CSV', 'csv'],
    ['a.tsv', 'csv'],
    ['x/y.z/a.ndjson', 'ndjson'],
    ['a.jsonl', 'ndjson'],
    ['a.json', 'json'],
    ['Contacts.XLSX', 'xlsx'],
    ['a.xlsm', 'xlsx'],
  ])('of %s is %s', (name, format) => {
    expect(resolveFormat(name)).toBe(format);
  });

  it('is the one given, whatever the file extension', () => {
    expect(resolveFormat('a.csv', 'ndjson')).toBe('ndjson');
  });

  it.each(['people.xlsb', 'people.ods', 'people.csv.gz', 'people.zip', 'PEOPLE.XLS'])(
    'of %s is refused with advice',
    (name) => {
      expect(() => resolveFormat(name)).toThrow(/workbook: save it|archive: unpack it|compressed: unpack it/);
    },
  );

  it.each(['a', 'a.xls', 'a.constructor', 'folder.csv/a', ''])('of %j is unknown', (name) => {
    expect(() => resolveFormat(name)).toThrow(
      expect.objectContaining({ code: 'source_format_unknown' }) as Error,
    );
  });
});

/** Records whether the producer of the bytes ended, and whether only because it had no more (8 MB). */
function observe(content: string) {
  const state = { ended: false, isExhausted: false };
  async function* bytes() {
    try {
      yield* splitIntoChunks(content);
      for (let n = 0; n < 100; n += 1) yield Buffer.from('1,2\n'.repeat(20_000));
      state.isExhausted = true;
    } finally {
      state.ended = true;
    }
  }
  return { state, bytes: bytes() };
}

describe('a file', () => {
  const run = promisify(execFile);
  const read = async (path: string) => {
    const rows = [];
    for await (const row of (await openSource(readFileBytes(path), { name: path, format: 'csv' })).rows())
      rows.push(row);
    return rows;
  };

  it('is read', async () => {
    const path = join(folder, 'people.csv');
    await writeFile(path, 'a,b\n1,2\n');
    expect(await read(path)).toEqual([{ line: 2, fields: { a: '1', b: '2' } }]);
  });

  it('that is missing or a folder is refused', async () => {
    const missing = join(folder, 'nobody.csv');
    await expect(read(missing)).rejects.toMatchObject({
      code: 'source_missing',
      message: expect.stringContaining(missing) as string,
    });
    await expect(read(folder)).rejects.toMatchObject({ code: 'source_is_directory' });
    await expect(read(join(folder, 'people.csv', 'x.csv'))).rejects.toMatchObject({ code: 'source_missing' });
  });

  it('that is a pipe, a device or a circular link is refused at once', async () => {
    const pipe = join(folder, 'pipe.csv');
    await run('mkfifo', [pipe]);
    await expect(read(pipe)).rejects.toMatchObject({
      code: 'source_not_a_file',
      message: expect.stringMatching(/pipe.*Write the data into a file/) as string,
    });
    await expect(read('/dev/zero')).rejects.toMatchObject({ code: 'source_not_a_file' });
    await expect(read('/dev/null')).rejects.toMatchObject({ code: 'source_not_a_file' });
    const link = join(folder, 'loop.csv');
    await symlink(link, link);
    await expect(read(link)).rejects.toMatchObject({ code: 'source_unreadable' });
  });

  it('is read through a symbolic link unless followLinks is false', async () => {
    const file = join(folder, 'real.csv');
    await writeFile(file, 'a\n1\n');
    const link = join(folder, 'link.csv');
    await symlink(file, link);
    expect(await read(link)).toHaveLength(1);
    const bytes = readFileBytes(link, { name: 'link.csv', followLinks: false });
    await expect(bytes.next()).rejects.toMatchObject({ code: 'source_unreadable' });
  });

  it('that changes between two reads is noticed at the end', async () => {
    const path = join(folder, 'changing.csv');
    await writeFile(path, 'a\n1\n');
    const sha256 = createHash('sha256').update('a\n1\n').digest('hex');
    const all = async () => {
      for await (const _ of verifyUnchanged(readFileBytes(path), { bytes: 4, sha256 }, 'changing.csv'));
    };
    await all();
    await writeFile(path, 'a\n2\n');
    await expect(all()).rejects.toThrow(/changing\.csv: the file was changed/);
  });

  it('that grows after it was first read is not read any further', async () => {
    const growing = observe('a,b\n');
    const all = async () => {
      for await (const _ of verifyUnchanged(growing.bytes, { bytes: 1_000_000, sha256: '' }, 'growing.csv'));
    };
    await expect(all()).rejects.toThrow(/growing\.csv: the file was changed/);
    expect(growing.state).toEqual({ ended: true, isExhausted: false });
  });
});

describe('an opened source', () => {
  it('is read up to the limit of its size, whatever its encoding, and its producer is stopped', async () => {
    const read = async (bytes: AsyncIterable<Uint8Array>, maxSourceBytes: number) => {
      const limits = { ...DEFAULT_SOURCE_LIMITS, maxSourceBytes };
      let rows = 0;
      for await (const _ of (await openSource(bytes, { name: 'a.csv', limits })).rows()) rows += 1;
      return rows;
    };
    const large = observe('a,b\n');
    const message =
      /a\.csv: it has at least 1,\d{3},\d{3} bytes of text, .* 1,000,000 at most\. Split it, or raise CXFLOW_MAX_SOURCE_BYTES/;
    const tooLarge = { code: 'source_too_large', message: expect.stringMatching(message) as string };
    await expect(read(large.bytes, 1_000_000)).rejects.toMatchObject(tooLarge);
    expect(large.state).toEqual({ ended: true, isExhausted: false });
    const text = 'a\n' + '\u00e9\n'.repeat(100);
    const wide = () => splitIntoChunks(Buffer.from(`\ufeff${text}`, 'utf16le'));
    expect(await read(splitIntoChunks(text), 302)).toBe(100);
    expect(await read(wide(), 302)).toBe(100);
    await expect(read(splitIntoChunks(text), 301)).rejects.toMatchObject({ code: 'source_too_large' });
    await expect(read(wide(), 301)).rejects.toMatchObject({ code: 'source_too_large' });
  });

  it('releases its bytes when its reader stops or closes it, and when it cannot be opened', async () => {
    const stopped = observe('a,b\n');
    for await (const row of (await openSource(stopped.bytes, { name: 'a.csv' })).rows())
      if (row.line > 9) break;
    const closed = observe('a,b\n');
    await (await openSource(closed.bytes, { name: 'a.csv' })).close();
    const refused = observe('a,a\n');
    await expect(openSource(refused.bytes, { name: 'a.csv' })).rejects.toThrow(SourceError);
    for (const { state } of [stopped, closed, refused])
      expect(state).toEqual({ ended: true, isExhausted: false });
  });

  it('returns its rows once', async () => {
    const source = await open('a\n1\n');
    source.rows();
    expect(() => source.rows()).toThrow('once');
    await source.close();
  });

  it('needs constant memory for a source of 40 MB', async () => {
    // Garbage of other tests, which share the process, must not count.
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    async function* bytes() {
      yield Buffer.from('a,b\n');
      const block = Buffer.from('1,some text of a usual length\n'.repeat(2_000));
      for (let n = 0; n < 700; n += 1) {
        await Promise.resolve();
        yield block;
      }
    }
    let rows = 0;
    let peak = 0;
    const liveBytes = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = liveBytes();
    for await (const _ of (await openSource(bytes(), { name: 'a.csv' })).rows()) {
      rows += 1;
      if (rows % 100_000 === 0) peak = Math.max(peak, liveBytes() - before);
    }
    expect(rows).toBe(1_400_000);
    expect(peak).toBeLessThan(100_000_000); // the rows as objects would be several times that
  });
});
