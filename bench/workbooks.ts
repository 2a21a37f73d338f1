/**
 * `npm run bench:workbooks`: measures time and memory for reading a workbook. Another process writes it first, like Excel: its texts
 * are shared, and its dates are numbers. docs/benchmarks.md has the figures for `--rows 1M`.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ZipFile } from 'yazl';
import { readContact, resolveContactColumns } from '../src/domain/contact-import/contacts.ts';
import { DEFAULT_SOURCE_LIMITS as limits } from '../src/domain/source-limits.ts';
import { openSource } from '../src/sources/open.ts';
import { openFileText } from '../src/sources/text-of-file.ts';
import { peakMegabytes } from './machine.ts';

const { values } = parseArgs({
  options: {
    /** `100k`, `1M` or a number. */
    rows: { type: 'string', default: '100k' },
    /** Only writes the workbook. */
    write: { type: 'string' },
  },
});
const rows = Number(values.rows.replace('k', '000').replace('M', '000000'));
const HEADER = ['contactId', 'phone', 'consentTimestamp', 'optInStatus', 'name', 'score'];
const ROWS_PER_CHUNK = 500;

/** The texts of a row: id, phone number and name. */
const texts = (n: number) => [`crm-${n}`, `+1415${5_550_000 + (n % 10_000)}`, `Contact ${n} of the list`];

function* chunks(line: (n: number) => string): Generator<string> {
  for (let n = 1; n <= rows; ) {
    let chunk = '';
    for (let i = 0; i < ROWS_PER_CHUNK && n <= rows; i += 1, n += 1) chunk += line(n);
    yield chunk;
  }
}

const shared = (text: string) => `<si><t>${text}</t></si>`;

function* sharedStrings(): Generator<string> {
  yield `<sst>${[...HEADER, 'confirmed'].map(shared).join('')}`;
  yield* chunks((n) => texts(n).map(shared).join(''));
  yield '</sst>';
}

function* sheet(): Generator<string> {
  const header = HEADER.map((_, at) => `<c r="${'ABCDEF'[at]}1" t="s"><v>${at}</v></c>`).join('');
  yield `<worksheet><sheetData><row r="1" spans="1:6">${header}</row>`;
  yield* chunks((n) => {
    const [r, first] = [n + 1, HEADER.length + 1 + (n - 1) * 3];
    return (
      `<row r="${r}" spans="1:6"><c r="A${r}" t="s"><v>${first}</v></c><c r="B${r}" t="s"><v>${first + 1}</v></c>` +
      `<c r="C${r}" s="1"><v>${46_023 + (n % 100)}</v></c><c r="D${r}" t="s"><v>6</v></c>` +
      `<c r="E${r}" t="s"><v>${first + 2}</v></c><c r="F${r}"><v>${n / 8}</v></c></row>`
    );
  });
  yield '</sheetData></worksheet>';
}

async function write(path: string): Promise<void> {
  const zip = new ZipFile();
  const relation = (id: string, kind: string, target: string) =>
    `<Relationship Id="${id}" Type="x/${kind}" Target="${target}"/>`;
  const relations = (...each: string[]) => `<Relationships>${each.join('')}</Relationships>`;
  const parts = {
    '_rels/.rels': relations(relation('a', 'officeDocument', 'xl/workbook.xml')),
    'xl/workbook.xml': '<workbook xmlns:r="r"><sheets><sheet name="Contacts" r:id="a"/></sheets></workbook>',
    'xl/_rels/workbook.xml.rels': relations(
      relation('a', 'worksheet', 'sheet1.xml'),
      relation('b', 'sharedStrings', 'sharedStrings.xml'),
      relation('c', 'styles', 'styles.xml'),
    ),
    'xl/styles.xml': '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
  };
  for (const [name, text] of Object.entries(parts)) zip.addBuffer(Buffer.from(text), name);
  const stream = (text: Generator<string>) => Readable.from(text, { objectMode: false });
  zip.addReadStreamLazy('xl/sharedStrings.xml', (open) => open(null, stream(sharedStrings())));
  zip.addReadStreamLazy('xl/sheet1.xml', (open) => open(null, stream(sheet())));
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}

async function measure(path: string) {
  const began = performance.now();
  const now = new Date('2026-06-15T00:00:00Z');
  const text = await openFileText(path, { name: 'generated.xlsx', format: 'xlsx', limits });
  const source = await openSource(text.bytes, { name: 'generated.xlsx', format: 'xlsx', limits });
  const columns = resolveContactColumns(source.columns ?? []);
  if ('problems' in columns) throw new Error(columns.problems.join(' '));
  let [read, valid] = [0, 0];
  for await (const { fields } of source.rows()) {
    read += 1;
    if (fields && 'contact' in readContact(fields, columns.columns, now)) valid += 1;
  }
  const seconds = (performance.now() - began) / 1_000;
  return {
    ...{ format: 'xlsx', megabytes: Math.round(statSync(path).size / 1e6), rows: read, valid },
    ...{ seconds: Math.round(seconds * 10) / 10, rowsPerSecond: Math.round(read / seconds) },
    peakRssMb: peakMegabytes(process.pid),
  };
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cxflow-bench-'));
  try {
    const path = join(folder, 'contacts.xlsx');
    const args = [
      ...process.execArgv,
      fileURLToPath(import.meta.url),
      '--rows',
      values.rows,
      '--write',
      path,
    ];
    if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) throw new Error('not written');
    console.log(JSON.stringify(await measure(path)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await (values.write === undefined ? run() : write(values.write));
