import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SETTINGS, serverOf, variablesOf } from '../../src/config/catalogue.ts';
import { type Stack, startStack } from '../../src/stack/dev.ts';
import type { StackEvent } from '../../src/stack/keep-alive.ts';
import { stopLeftovers } from '../../src/stack/leftovers.ts';
import { isAlive, waitForExit } from '../../src/stack/processes.ts';
import { readStack, readStackFile, stackEnvironment, withStack } from '../../src/stack/stack-file.ts';
import { newFolder, removeStackFolder } from '../harness/folders.ts';
import { guardian } from '../harness/guardian.ts';
import { useProcesses } from '../harness/processes.ts';
import { eventually, PATIENCE_MS } from '../harness/wait.ts';

const program = (name: string) => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
const endless = { file: process.execPath, args: [program('endless.mjs')] };
const programs = { worker: endless, simulator: endless };
const bare = { PATH: process.env.PATH, HOME: process.env.HOME, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME };

/** Every variable that is read, except those that name a server, each with a different value. */
const everySetting: Readonly<Record<string, string>> = Object.fromEntries(
  SETTINGS.flatMap(variablesOf)
    .filter((name) => !/^(DATABASE_URL(_FILE)?|TEMPORAL_ADDRESS|CXONE_API_URL)$/.test(name))
    .map((name) => [name, `value-of-${name}`]),
);

/** Starts stacks in folders of their own; stops and removes them, whatever state they are in. */
function stackStarter() {
  const stacks: Stack[] = [];
  const dirs: string[] = [];
  const events: StackEvent[] = [];
  const onEvent = (event: StackEvent) => {
    if (event.type === 'started') guardian().watch(event.pid);
    events.push(event);
  };
  return {
    events,
    async newDir(): Promise<string> {
      const dir = join(await newFolder(), '.cxflow');
      dirs.push(dir);
      return dir;
    },
    async start(
      dir: string,
      { env = {}, ...more }: Partial<Parameters<typeof startStack>[0]> = {},
    ): Promise<Stack> {
      const options = { dir, simulator: true, worker: true, onEvent, programs };
      const stack = await startStack({ ...options, env: { ...bare, ...env }, ...more });
      stacks.push(stack);
      return stack;
    },
    async removeAll(): Promise<void> {
      for (const stack of stacks.splice(0)) await stack.stop();
      for (const dir of dirs.splice(0)) {
        await stopLeftovers(readStackFile(dir));
        await removeStackFolder(dir);
      }
      events.length = 0;
    },
  };
}

const NAMES = ['postgres', 'temporal', 'simulator', 'worker'] as const;
const childPid = (dir: string, name: (typeof NAMES)[number]) => readStackFile(dir)?.processes[name]?.pid ?? 0;

describe('a stack of cxflow dev', () => {
  const starter = stackStarter();
  let dir: string;
  let stack: Stack;
  beforeAll(async () => {
    dir = await starter.newDir();
    const env = { TEMPORAL_API_KEY: 'k', CXONE_LISTS_URL: 'https://real.example', OTHER: 'o' };
    stack = await starter.start(dir, { env: { ...everySetting, ...env } });
  });
  afterAll(() => starter.removeAll());

  it('has servers that answer, and a file with their addresses that only its owner can read', async () => {
    expect(await answers(stack.addresses)).toEqual([200, 200]);
    expect((await stat(join(dir, 'stack.json'))).mode & 0o777).toBe(0o600);
    expect(NAMES.map((name) => isAlive(childPid(dir, name)))).toEqual([true, true, true, true]);
  });

  it("gives the worker the stack's addresses, and removes settings for another Temporal or CXone", async () => {
    const env = await workerEnvironment(dir);
    expect(env).toMatchObject({
      DATABASE_URL: stack.addresses.databaseUrl,
      TEMPORAL_ADDRESS: stack.addresses.temporalAddress,
      CXONE_API_URL: stack.addresses.simulatorUrl,
      OTHER: 'o',
    });
    expect(Object.keys(env)).not.toContain('TEMPORAL_API_KEY');
    expect(Object.keys(env)).not.toContain('CXONE_LISTS_URL');
  });

  it('passes every setting to the worker that is not about a server of the stack', async () => {
    const env = await workerEnvironment(dir);
    const [passed, replaced] = [Object.keys(everySetting), Object.values(everySetting)];
    const missing = passed.filter((name) => serverOf(name) === null && env[name] !== everySetting[name]);
    expect(missing).toEqual([]);
    const foreign = passed.filter((name) => serverOf(name) !== null && replaced.includes(env[name] ?? ''));
    expect(foreign).toEqual([]);
    expect(passed).toEqual(expect.arrayContaining(['CXONE_DUPLICATES_REFUSED', 'CXFLOW_PEPPER_FILE']));
  });

  it("prefers the settings in a command's environment", () => {
    const { databaseUrl, temporalAddress, simulatorUrl } = stack.addresses;
    expect(withStack(dir, {})).toMatchObject({ DATABASE_URL: databaseUrl, CXONE_API_URL: simulatorUrl });
    const own = withStack(dir, { DATABASE_URL: 'postgres://own', CXONE_API_URL: 'http://own' });
    expect(own).toMatchObject({ DATABASE_URL: 'postgres://own', TEMPORAL_ADDRESS: temporalAddress });
    expect(own).toMatchObject({ CXONE_API_URL: 'http://own' });
    expect(own).not.toHaveProperty('CXONE_CLIENT_ID');
    expect(withStack(dir, { DATABASE_URL_FILE: '/run/secrets/url' })).not.toHaveProperty('DATABASE_URL');
  });

  it('refuses a second supervisor for the same folder, and is not disturbed', async () => {
    await expect(starter.start(dir)).rejects.toThrow(/already running for this folder/);
    expect(await answers(stack.addresses)).toEqual([200, 200]);
  });

  it.each(NAMES)('restarts %s at the same address after it was killed', async (name) => {
    const before = childPid(dir, name);
    process.kill(before, 'SIGKILL');
    await eventually(() => expect(restarts(starter.events, name)).toBe(1));
    expect(childPid(dir, name)).not.toBe(before);
    expect(isAlive(childPid(dir, name))).toBe(true);
    expect(readStack(dir)?.addresses).toEqual(stack.addresses);
    expect(await answers(stack.addresses)).toEqual([200, 200]);
  });

  it('leaves no process behind after it has stopped', async () => {
    const pids = NAMES.map((name) => childPid(dir, name));
    expect(pids.every(isAlive)).toBe(true);
    await stack.stop();
    expect(pids.map(isAlive)).toEqual([false, false, false, false]);
    expect(readStack(dir)).toBeNull();
    expect(stackEnvironment(dir)).toEqual({});
    expect(starter.events.filter(({ type }) => type === 'stopped').map(({ name }) => name)).toEqual([
      'worker',
      'simulator',
      'temporal',
      'postgres',
    ]);
  });
});

describe('the supervisor of cxflow dev', () => {
  const processes = useProcesses();
  const starter = stackStarter();
  afterEach(() => starter.removeAll());

  const supervise = async (dir: string) => {
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const supervisor = processes.run(process.execPath, ['--import', tsx, program('supervise.mjs'), dir]);
    await supervisor.waitFor(/the stack is up/);
    for (const { pid } of Object.values(readStack(dir)?.processes ?? {})) guardian().watch(pid);
    return supervisor;
  };

  it('stops the processes that a killed supervisor has left, and reuses its data and ports', async () => {
    const dir = await starter.newDir();
    const supervisor = await supervise(dir);
    const left = readStack(dir);
    const pids = Object.values(left?.processes ?? {}).map(({ pid }) => pid);
    expect(pids).toHaveLength(4);
    await supervisor.kill();
    expect(pids.every(isAlive)).toBe(true);
    expect(readStack(dir), 'commands still find the servers').not.toBeNull();
    const stack = await starter.start(dir);
    for (const pid of pids) expect(await waitForExit(pid, PATIENCE_MS)).toBe(true);
    expect(stack.addresses).toEqual(left?.addresses);
  });

  it('stops everything on SIGTERM', async () => {
    const dir = await starter.newDir();
    const supervisor = await supervise(dir);
    const pids = Object.values(readStack(dir)?.processes ?? {}).map(({ pid }) => pid);
    expect(await supervisor.terminate()).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('stops what it has started if a later process cannot start', async () => {
    const dir = await starter.newDir();
    const broken = { file: process.execPath, args: ['-e', 'process.exit(7)'] };
    await expect(starter.start(dir, { programs: { ...programs, simulator: broken } })).rejects.toThrow(
      /nothing listens on port/,
    );
    const pids = starter.events.flatMap((event) => (event.type === 'started' ? [event.pid] : []));
    expect(pids).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
    await starter.start(dir);
  });

  it('starts no simulator if CXONE_API_URL is set', async () => {
    const dir = await starter.newDir();
    const stack = await starter.start(dir, { env: { CXONE_API_URL: 'http://127.0.0.1:9' } });
    expect(stack.addresses.simulatorUrl).toBeNull();
    expect(childPid(dir, 'simulator')).toBe(0);
    expect(stackEnvironment(dir)).not.toHaveProperty('CXONE_API_URL');
  });
});

/** The environment that the program in place of the worker printed at its first start. */
function workerEnvironment(dir: string): Promise<Record<string, string>> {
  return eventually(() => {
    const [line = ''] = readFileSync(join(dir, 'logs', 'worker.log'), 'utf8').split('\n');
    return JSON.parse(line) as Record<string, string>;
  });
}

function restarts(events: readonly StackEvent[], name: string): number {
  return Math.max(
    0,
    ...events.map((event) => (event.type === 'started' && event.name === name ? event.restarts : 0)),
  );
}

/** Returns the HTTP status of simulator and Web UI. Throws if the database or Temporal does not answer. */
async function answers(addresses: Stack['addresses']): Promise<number[]> {
  const database = new pg.Client({ connectionString: addresses.databaseUrl });
  await database.connect();
  await database.end();
  const temporal = await Connection.connect({ address: addresses.temporalAddress });
  await temporal.close();
  const urls = [addresses.simulatorUrl, addresses.temporalUiUrl];
  return Promise.all(urls.map(async (url) => (await fetch(url ?? '')).status));
}
