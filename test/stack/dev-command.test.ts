import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { readStackFile } from '../../src/stack/stack-file.ts';
import { newFolder, removeStackFolder } from '../harness/folders.ts';
import { useProcesses } from '../harness/processes.ts';

const processes = useProcesses();
const COMMAND = fileURLToPath(new URL('../../bin/cxflow.js', import.meta.url));

it('cxflow dev stops what it has started if the database cannot be prepared', async () => {
  const cwd = await newFolder();
  const dir = join(cwd, '.cxflow');
  onTestFinished(() => removeStackFolder(dir));
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  const dev = processes.run(process.execPath, [COMMAND, 'dev'], { cwd, env });
  await dev.waitFor(/simulator/);
  expect(await dev.exited).toMatchObject({ code: 1 });
  expect(readStackFile(dir)).toMatchObject({ processes: {}, supervisor: null });
});
