import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findTemporal } from '../../src/stack/temporal-binary.ts';
import { newFolder } from '../harness/folders.ts';
import { startTestTemporal } from '../harness/servers.ts';

/** A script in place of `temporal`. Its first call fails after running `first`; later calls run the real command. */
async function failingOnce(dir: string, first: string): Promise<string> {
  const path = join(dir, 'temporal');
  const script = `#!/bin/sh
if [ ! -e "${dir}/failed" ]; then : > "${dir}/failed"; ${first}; exit 1; fi
exec "${await findTemporal()}" "$@"
`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

it('tries other ports if a chosen port was taken in the meantime', async () => {
  const dir = await newFolder();
  const executable = await failingOnce(dir, 'echo "bind: address already in use" >&2');
  const server = await startTestTemporal({ dir, dbFile: null, uiPort: null, executable });
  expect(existsSync(join(dir, 'failed'))).toBe(true);
  await server.stop();
});

it("reports the last lines of the server's log if it does not start", async () => {
  const dir = await newFolder();
  const executable = await failingOnce(dir, 'echo "no such flag: --frobnicate" >&2');
  await expect(startTestTemporal({ dir, dbFile: null, uiPort: null, executable })).rejects.toThrow(
    /did not start: it exited; the end of .*temporal\.log:\n.*--frobnicate/,
  );
});
