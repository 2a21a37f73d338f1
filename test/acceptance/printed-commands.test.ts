/** A newcomer copies the commands of the documentation, exactly as they are printed, in a fresh clone. */
import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readStackFile } from '../../src/stack/stack-file.ts';
import { findTemporal } from '../../src/stack/temporal-binary.ts';
import { cloneInto } from '../harness/clone.ts';
import { newFolder, removeStackFolder } from '../harness/folders.ts';
import { commandsIn, patternOf, printedBlocks } from '../harness/printed.ts';
import { bareEnvironment, type TestProcess, useProcesses } from '../harness/processes.ts';
import { ROOT } from '../harness/texts.ts';

const processes = useProcesses();
const SERVICES = 'docs/from-a-service.md';

/** Commands of the README that need something else than a clone. */
const NOT_RUN = {
  'npm test': 'runs this test',
  'export DATABASE_URL=postgres://… TEMPORAL_ADDRESS=localhost:7233 CXFLOW_PEPPER_FILE=/run/secrets/pepper':
    'a tenant',
  'export CXONE_TENANT=acme CXONE_REGION=us CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET_FILE=/run/secrets/cxone':
    'a tenant',
  'npx cxflow doctor': 'a tenant',
  'npx cxflow worker': 'a tenant',
};

/** A shell in a fresh clone. */
async function openClone() {
  const folder = join(await newFolder(), 'cxflow');
  onTestFinished(() => removeStackFolder(join(folder, '.cxflow')));
  await cloneInto(folder);
  const executed: string[] = [];
  const start = (command: string, env: Readonly<Record<string, string>> = {}): TestProcess => {
    executed.push(command);
    return processes.run('sh', ['-c', command], { cwd: folder, env });
  };
  const run = async (command: string, env?: Readonly<Record<string, string>>) => {
    const process = start(command, env);
    const { code } = await process.exited;
    return { code, stdout: process.stdout(), output: process.output() };
  };
  return { folder, executed, start, run };
}

const printedInText = (pattern: RegExp): string => {
  const [, command] = pattern.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  return command ?? expect.fail(`the README does not have ${pattern.source}`);
};

it('the commands of the README and of the page for services do what is printed beside them', async () => {
  const { folder, executed, start, run } = await openClone();
  // Without a terminal it does not wait for Ctrl-C.
  const demo = await run('npm run demo');
  expect(demo.code, demo.output).toBe(0);

  await mkdir(join(folder, 'sources'));
  const dev = start('npx cxflow dev', { CXFLOW_SOURCE_DIR: 'sources' });
  await dev.waitFor(/ready[^]*Ctrl-C/);
  const [csv = ''] = printedBlocks('README.md', 'csv');
  await writeFile(join(folder, printedInText(/Save this as `([\w.]+)`/)), csv);
  const [command = ''] = printedBlocks('README.md', 'sh')
    .flatMap(commandsIn)
    .filter((each) => each.includes('import'));
  const [printed = ''] = printedBlocks('README.md', 'text');
  const imported = await run(command);
  expect(imported.stdout).toMatch(patternOf(printed));
  expect(`Exit code ${imported.code}`).toBe(printedInText(/(Exit code \d)/));
  const [, runId = ''] = /^run (\S+)$/m.exec(printed) ?? [];
  const records = await run(printedInText(/`(npx cxflow records RUN[^`]*)`/).replace('RUN', runId));
  expect(records).toMatchObject({ code: 0, stdout: expect.stringContaining('phone_not_e164') as string });
  const again = await run(command);
  expect(again.stdout).toContain('nothing was started');
  expect(again.stdout).toContain(printed.slice(printed.indexOf('  outcome ')).trimEnd());
  const notRun = printedBlocks('README.md', 'sh')
    .flatMap(commandsIn)
    .filter((each) => !executed.includes(each));
  expect(notRun).toEqual(Object.keys(NOT_RUN));

  // As after `npm run build`, for the TypeScript client.
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  const { environment = {} } = readStackFile(join(folder, '.cxflow')) ?? {};
  const temporal = dirname(await findTemporal());
  const env = { ...environment, PATH: [temporal, bareEnvironment().PATH].join(delimiter) };
  const row = (n: number) => `crm-200${n},+1212555020${n},2025-10-01T08:00:00Z,confirmed,Mary\n`;
  await writeFile(join(folder, 'contacts.csv'), csv + row(1));
  const [service = ''] = printedBlocks(SERVICES, 'ts', '## The TypeScript client');
  await writeFile(join(folder, 'service.ts'), service);
  const served = await run('node --import tsx service.ts', env);
  expect(served.code, served.output).toBe(0);
  expect(served.stdout).toMatch(/^completed \{[^]*total: 5,[^]*created: 1\b/);

  await writeFile(join(folder, 'sources', 'contacts.csv'), csv + row(2));
  const [commands = ''] = printedBlocks(SERVICES, 'sh', '## Any Temporal client');
  for (const each of commandsIn(commands)) {
    const ended = await run(each, env);
    expect(ended.code, ended.output).toBe(0);
    if (each.includes(' result ')) expect(ended.stdout).toMatch(/COMPLETED[^]*"state": ?"completed"/);
  }
  process.kill(
    readStackFile(join(folder, '.cxflow'))?.supervisor?.pid ?? expect.fail('dev has no supervisor'),
  );
  expect((await dev.exited).code, dev.output()).toBe(0);
});
