import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../bench/sources.ts');
const WORKBOOKS = join(import.meta.dirname, '../../bench/workbooks.ts');

/** Far too small for 100 MB of rows, so a reader that kept them would crash. */
const HEAP = '--max-old-space-size=48';

describe('memory', () => {
  it.each(['csv', 'json', 'csv --utf16'])('does not grow with the source: %s', async (given) => {
    const [format = '', ...more] = given.split(' ');
    const args = [HEAP, '--import', 'tsx', SCRIPT, '--format', format, '--gigabytes', '0.1', ...more];
    const { stdout } = await run(process.execPath, args);
    const figures = JSON.parse(stdout) as { rows: number; valid: number; peakRssMb: number };
    expect(figures.valid).toBe(figures.rows);
    expect(figures.rows).toBeGreaterThan(100_000);
    // Buffers are outside of that heap. About 125 MB if nothing is kept.
    expect(figures.peakRssMb).toBeLessThan(200);
  });

  it('does not grow with a workbook, whose texts are shared', async () => {
    const args = ['--max-old-space-size=64', '--import', 'tsx', WORKBOOKS, '--rows', '200k'];
    const { stdout } = await run(process.execPath, args);
    const figures = JSON.parse(stdout) as { rows: number; valid: number; peakRssMb: number };
    expect(figures).toMatchObject({ rows: 200_000, valid: 200_000 });
    expect(figures.peakRssMb).toBeLessThan(250);
  });
});
