/**
 * The package as a service uses it: packed in a fresh clone, installed with its dependencies into an empty folder, imported by a
 * strict TypeScript program that has no other packages, and called with `npx cxflow`.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, inject, it } from 'vitest';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase, freshNamespace } from '../harness/fresh.ts';
import { bareEnvironment, useProcesses } from '../harness/processes.ts';
import { listRepositoryFiles, ROOT } from '../harness/texts.ts';

const run = promisify(execFile);
const processes = useProcesses();

interface Manifest {
  readonly version: string;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
const manifest = readJson<Manifest>('package.json');
const TARBALL = `cxflow-${manifest.version}.tgz`;

/** As in docs/from-a-service.md. */
const SERVICE = `
import { connect, type ContactImportResult, type CxflowClient, RunNotFound } from 'cxflow';

export async function importContacts(cxflow: CxflowClient): Promise<string> {
  const { source } = await cxflow.stageFile('contacts.csv', { operation: 'contactImport' });
  const { runId } = await cxflow.startContactImport({ listId: 'L1', source, approval: true });
  await cxflow.waitForPlan(runId, { timeoutMs: 60_000 });
  await cxflow.decide(runId, { action: 'approve', by: 'dana' });
  const { state, counts } = await cxflow.result<ContactImportResult>(runId);
  return \`\${state}: \${counts.created ?? 0} of \${counts.total}\`;
}

export async function stage(databaseUrl: string, env: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const cxflow = await connect({ databaseUrl, env });
  try {
    const { rows } = await cxflow.stageRows([{ contactId: 'crm-1', phone: '+12125550101' }]);
    const found = await cxflow.progress('nothing').catch((error: unknown) => error);
    return [rows, found instanceof RunNotFound, (await cxflow.ledger.runs.list(10)).length];
  } finally {
    await cxflow.close();
  }
}
`;

/** A program for Node.js only. Others have the same globals from the DOM, TypeScript's default. */
const NODE = { lib: ['es2023'], types: ['node'] };

let pack = '';
let service = '';

beforeAll(async () => {
  pack = await newFolder();
  const clone = await cloneSources();
  await run('npm', ['pack', '--pack-destination', pack], { cwd: clone });
  service = await newFolder();
  await install(service);
});

/** The files of the repository, also those that are not committed yet, with links to its packages. */
async function cloneSources(): Promise<string> {
  const clone = await newFolder();
  for (const file of listRepositoryFiles()) await cp(join(ROOT, file), join(clone, file));
  const packages = await realpath(join(ROOT, 'node_modules'));
  await mkdir(join(clone, 'node_modules'));
  for (const name of await readdir(packages)) {
    await symlink(join(packages, name), join(clone, 'node_modules', name));
  }
  return clone;
}

/** With the versions of our lock file, so that npm needs the registry only for what its cache lacks. */
async function install(folder: string): Promise<void> {
  const dependencies = { cxflow: `file:${TARBALL}` };
  const { packages } = readJson<Lock>('package-lock.json');
  const { '': root, ...others } = packages;
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { dependencies },
      'node_modules/cxflow': { ...root, resolved: dependencies.cxflow },
      ...Object.fromEntries(Object.entries(others).filter(([, { dev }]) => dev !== true)),
    },
  };
  await cp(join(pack, TARBALL), join(folder, TARBALL));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies }));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder });
}

it('contains what a service, a worker and the commands need, and nothing else', async () => {
  const { stdout } = await run('tar', ['-tzf', join(pack, TARBALL)], { maxBuffer: 2 ** 24 });
  const files = stdout.trim().split('\n');
  const wanted = ['README.md', 'package.json', 'bin/cxflow.js', 'dist/client.js', 'dist/client.d.ts'];
  for (const file of [...wanted, 'dist/worker.js', 'dist/workflow-bundle.js', 'dist/cli/main.js']) {
    expect(files).toContain(`package/${file}`);
  }
  const known = /^package\/(README\.md|package\.json|bin\/cxflow\.js|dist\/[a-z].*\.(js|d\.ts))$/;
  expect(files.filter((file) => !known.test(file))).toEqual([]);
});

it.each([
  ['a strict program', {}],
  ['the strictest program', { ...NODE, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }],
  ['a program that is bundled', { module: 'esnext', moduleResolution: 'bundler' }],
])('has types that %s can check without further packages', async (_, options) => {
  await writeFile(join(service, 'service.ts'), SERVICE);
  const compilerOptions = {
    ...{
      target: 'es2023',
      types: [],
      module: 'nodenext',
      strict: true,
      skipLibCheck: false,
    },
    ...options,
  };
  await writeFile(join(service, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['service.ts'] }));
  const tsc = processes.run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], {
    cwd: service,
  });
  expect(await tsc.exited, tsc.stdout()).toMatchObject({ code: 0 });
});

it('runs as command and as client', async () => {
  const databaseUrl = await freshDatabase();
  const temporal = { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: freshNamespace() };
  const npx = (...args: readonly string[]) =>
    run('npx', ['cxflow', ...args], {
      cwd: service,
      env: { ...bareEnvironment(), DATABASE_URL: databaseUrl },
    });
  expect((await npx('--help')).stdout).toContain('Usage: cxflow [options] [command]');
  await npx('migrate');
  const script = `
    import { stage } from './service.js';
    console.log(JSON.stringify(await stage(${JSON.stringify(databaseUrl)}, ${JSON.stringify(temporal)})));`;
  const client = processes.run(process.execPath, ['--input-type=module', '--eval', script], { cwd: service });
  expect(await client.exited, client.stderr()).toMatchObject({ code: 0 });
  expect(JSON.parse(client.stdout())).toEqual([1, true, 0]);
});
