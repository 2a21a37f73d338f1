/** `cxflow env`: what a shell reads from it, and what it says without a stack. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { printEnv } from '../../src/cli/actions/env.ts';
import { describeError } from '../../src/cli/errors.ts';
import { processRef } from '../../src/stack/lock.ts';
import { type StackFile, writeStackFile } from '../../src/stack/stack-file.ts';
import { newFolder } from '../harness/folders.ts';
import { fakeCli } from './fakes.ts';

const DATABASE_URL =
  'postgres://cxflow:it\'s $(echo no) "secret":~root@127.0.0.1:5433/cxflow?application_name=a&b';
const CONFIG_FILE = '/home/dana smith/.cxflow/temporal/no-profile.toml';

async function stackFolder(change: Partial<StackFile> = {}): Promise<string> {
  const dir = await newFolder();
  writeStackFile(dir, {
    ports: { temporal: 1, temporalUi: 2, simulator: 3 },
    environment: {
      DATABASE_URL,
      TEMPORAL_ADDRESS: '127.0.0.1:7233',
      CXONE_API_URL: 'http://127.0.0.1:3',
      CXONE_CLIENT_SECRET: 'simulator-secret',
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
      TEMPORAL_NAMESPACE: 'default',
      TEMPORAL_CONFIG_FILE: CONFIG_FILE,
    },
    addresses: {
      databaseUrl: DATABASE_URL,
      temporalAddress: '127.0.0.1:7233',
      temporalUiUrl: null,
      simulatorUrl: null,
    },
    supervisor: processRef(process.pid),
    processes: {},
    ...change,
  });
  return dir;
}

it('a shell that evaluates it has the addresses of the stack, whatever characters they contain', async () => {
  const cli = fakeCli({}, { stackDir: await stackFolder() });
  expect(printEnv(cli)).toBe(0);
  const script = `${cli.out()}\nenv -0`;
  const text = execFileSync('/bin/sh', ['-c', script], { env: { PATH: process.env.PATH }, encoding: 'utf8' });
  const variables = Object.fromEntries(
    text.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  expect(variables).toMatchObject({
    DATABASE_URL,
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_CONFIG_FILE: CONFIG_FILE,
  });
});

it('prints nothing that only workers need', async () => {
  const cli = fakeCli({}, { stackDir: await stackFolder() });
  printEnv(cli);
  expect(cli.out()).not.toMatch(/CXONE|CXFLOW/);
});

it('says what to do if no stack runs in the folder', async () => {
  const stopped = await stackFolder({ addresses: null, environment: {}, supervisor: null });
  for (const stackDir of ['/nowhere/.cxflow', join(stopped, '.cxflow'), stopped]) {
    const cli = fakeCli({}, { stackDir });
    let failure: unknown = null;
    try {
      printEnv(cli);
    } catch (error) {
      failure = error;
    }
    expect(describeError(failure, 'cxflow')).toMatchObject({
      message: expect.stringContaining('no stack is running in /') as string,
      next: expect.stringContaining('`cxflow dev`') as string,
      code: 1,
    });
    expect(cli.out()).toBe('');
  }
});
