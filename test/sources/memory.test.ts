import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../bench/sources.ts');

/** A heap that 60 MB of rows do not fit into by far: a reader that kept them would end with the process. */
const HEAP = '--max-old-space-size=48';

describe('memory', () => {
  it.each([['csv'], ['json'], ['csv', '--utf16']])(
    'stays flat over a source far larger than it: %j',
    async (format, ...more) => {
      const args = [HEAP, '--import', 'tsx', SCRIPT, '--format', format, '--gigabytes', '0.06', ...more];
      const { stdout } = await run(process.execPath, args);
      const { rows, valid } = JSON.parse(stdout) as { rows: number; valid: number };
      expect(valid).toBe(rows);
      expect(rows).toBeGreaterThan(60_000);
    },
    120_000,
  );
});
