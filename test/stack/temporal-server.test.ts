import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findTemporal } from '../../src/stack/temporal-binary.ts';
import { newFolder } from '../harness/folders.ts';
import { startTestTemporal } from '../harness/servers.ts';

/** Temporal's command, as a script whose first call does something else. */
async function stumbling(dir: string, first: string): Promise<string> {
  const path = join(dir, 'temporal');
  const script = `#!/bin/sh
if [ ! -e "${dir}/stumbled" ]; then : > "${dir}/stumbled"; ${first}; exit 1; fi
exec "${await findTemporal()}" "$@"
`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

it('starts with other ports when somebody was quicker at one that it had drawn', async () => {
  const dir = await newFolder();
  const executable = await stumbling(dir, 'echo "bind: address already in use" >&2');
  const server = await startTestTemporal({ dir, dbFile: null, uiPort: null, executable });
  expect(existsSync(join(dir, 'stumbled'))).toBe(true);
  await server.stop();
});

it('says what the server said last when it does not start', async () => {
  const dir = await newFolder();
  const executable = await stumbling(dir, 'echo "no such flag: --frobnicate" >&2');
  await expect(startTestTemporal({ dir, dbFile: null, uiPort: null, executable })).rejects.toThrow(
    /did not start: it ended by itself; the end of .*temporal\.log:\n.*--frobnicate/,
  );
});
