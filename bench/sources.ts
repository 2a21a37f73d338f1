/**
 * `npm run bench:sources`: measures the memory for reading a source. A source of any size is generated while it passes
 * through the readers and the rules of contacts; then the process prints its peak memory. Small by default;
 * docs/benchmarks.md has the figures for `--gigabytes 1`.
 */
import { parseArgs } from 'node:util';
import { readContact, resolveContactColumns } from '../src/domain/contact-import/contacts.ts';
import type { SourceFormat } from '../src/sources/format.ts';
import { openSource } from '../src/sources/open.ts';
import { peakMegabytes } from './machine.ts';

const { values } = parseArgs({
  options: {
    format: { type: 'string', default: 'csv' },
    /** Size of the text in UTF-8. */
    gigabytes: { type: 'string', default: '0.05' },
    /** Size of the note in each row, in bytes. */
    note: { type: 'string', default: '800' },
    utf16: { type: 'boolean', default: false },
  },
});
const format = values.format as SourceFormat;
const wantedBytes = Number(values.gigabytes) * 1e9;
const note = 'x'.repeat(Number(values.note));
const ROWS_PER_CHUNK = 500;

function rowText(n: number): string {
  const phone = `+1415${String(5_550_000 + (n % 10_000))}`;
  if (format === 'csv') return `c-${n},${phone},2026-01-01,confirmed,"${note}, ""quoted"""\n`;
  const row = { contactId: `c-${n}`, phone, consentTimestamp: '2026-01-01', optInStatus: 'confirmed', note };
  return format === 'ndjson' ? `${JSON.stringify(row)}\n` : `${n === 1 ? '[' : ',\n'}${JSON.stringify(row)}`;
}

async function* generateSource(): AsyncGenerator<Buffer> {
  const encode = (text: string): Buffer => Buffer.from(text, values.utf16 ? 'utf16le' : 'utf8');
  if (values.utf16) yield encode('\ufeff');
  if (format === 'csv') yield encode('contactId,phone,consentTimestamp,optInStatus,note\n');
  let n = 0;
  for (let bytes = 0; bytes < wantedBytes; ) {
    let chunk = '';
    for (let i = 0; i < ROWS_PER_CHUNK; i += 1) chunk += rowText((n += 1));
    bytes += chunk.length;
    yield encode(chunk);
    // Yield to the event loop, as reading a file would.
    await new Promise(setImmediate);
  }
  if (format === 'json') yield encode(']');
}

const began = performance.now();
const now = new Date('2026-06-15T00:00:00Z');
const source = await openSource(generateSource(), { name: 'generated', format });
const columns = source.columns ? resolveContactColumns(source.columns) : null;
if (columns && 'problems' in columns) throw new Error(columns.problems.join(' '));
let [rows, valid] = [0, 0];
for await (const { fields } of source.rows()) {
  rows += 1;
  if (fields && 'contact' in readContact(fields, columns?.columns ?? null, now)) valid += 1;
}
const seconds = (performance.now() - began) / 1_000;
console.log(
  JSON.stringify({
    format,
    encoding: source.encoding,
    gigabytes: wantedBytes / 1e9,
    rows,
    valid,
    seconds: Math.round(seconds * 10) / 10,
    rowsPerSecond: Math.round(rows / seconds),
    peakRssMb: peakMegabytes(process.pid),
  }),
);
