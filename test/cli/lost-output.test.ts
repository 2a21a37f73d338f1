/** Standard output on a disk that is full, as `> FILE` of a shell may be. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ledgerOfFile, plannedRun } from '../ledger/harness.ts';

const opened = ledgerOfFile();
const BIN = fileURLToPath(new URL('../../bin/cxflow.js', import.meta.url));

/** Its exit code, and what it prints on standard error. */
async function onFullDisk(args: string): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const command = `"${process.execPath}" "${BIN}" ${args} > /dev/full`;
  const env = { ...process.env, DATABASE_URL: opened().url };
  return new Promise((resolve) =>
    execFile('sh', ['-c', command], { env }, (error, _, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    ),
  );
}

describe.skipIf(!existsSync('/dev/full'))('a command whose output finds the disk full', () => {
  it.each(['--help', 'runs', 'records RUN --format csv', 'records RUN --format json', 'audit'])(
    'says once where, what and what to do, and exits with 1: %s',
    async (args) => {
      const { run_id: run } = await plannedRun(opened().ledger, 2_000);
      expect(await onFullDisk(args.replace('RUN', run))).toEqual({
        code: 1,
        stderr:
          'cxflow: standard output is incomplete: the disk is full\n' +
          '  → do not use what was written of it. Make room, or have it written elsewhere\n',
      });
    },
  );
});
