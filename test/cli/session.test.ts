import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { findWebUiUrl, openSession, webUiLink } from '../../src/cli/session.ts';
import { newFolder } from '../harness/folders.ts';
import { eventually } from '../harness/wait.ts';
import { fakeCli } from './fakes.ts';

describe('addresses of servers', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await newFolder();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const cli = () => {
    const fake = fakeCli({}, { stackDir: join(folder, '.cxflow') });
    return { ...fake, openSession: () => Promise.resolve(openSession(fake)) };
  };

  it('that are missing are reported with two ways to set them', async () => {
    const fake = cli();
    expect(await run(['runs'], fake)).toBe(2);
    expect(fake.err()).toBe(
      'cxflow: no database is configured\n  → set DATABASE_URL, or run `cxflow dev` in this folder, in another terminal\n',
    );
  });

  it('that do not answer are printed while the command waits', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const fake = { ...cli(), env: { DATABASE_URL: 'postgres://x@127.0.0.1:1/x', TEMPORAL_ADDRESS: address } };
    const session = openSession(fake);
    const connecting = session.client().catch(() => undefined);
    await eventually(() => expect(fake.err()).toBe(`connecting to Temporal at ${address} …\n`));
    await connecting;
    silent.close();
    await session.close();
  });

  it('are asked separately: whoever connects to Temporal does not wait for the database once more', async () => {
    const env = {
      DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      CXONE_TENANT: 'acme',
    };
    const session = openSession({ ...cli(), env });
    await expect(session.client()).resolves.toBeDefined();
    await session.close();
  });

  it('that are invalid are reported all at once', async () => {
    const fake = { ...cli(), env: { DATABASE_URL: 'mysql://x', CXFLOW_MAX_IN_FLIGHT: 'many' } };
    expect(await run(['runs'], { ...fake, openSession: () => Promise.resolve(openSession(fake)) })).toBe(2);
    expect(fake.err()).toMatch(
      /2 problems[\s\S]*DATABASE_URL[\s\S]*CXFLOW_MAX_IN_FLIGHT|2 problems[\s\S]*CXFLOW_MAX_IN_FLIGHT[\s\S]*DATABASE_URL/,
    );
  });

  it('of the Web UI are printed only if they are known', () => {
    const stack = { temporalAddress: '127.0.0.1:40001', temporalUiUrl: 'http://127.0.0.1:40002' };
    expect(
      findWebUiUrl({ TEMPORAL_UI_URL: 'https://temporal.example/', TEMPORAL_ADDRESS: 'x:1' }, null),
    ).toBe('https://temporal.example');
    expect(findWebUiUrl({ TEMPORAL_ADDRESS: '127.0.0.1:40001' }, stack)).toBe('http://127.0.0.1:40002');
    expect(findWebUiUrl({}, null)).toBe('http://localhost:8233');
    expect(findWebUiUrl({ TEMPORAL_ADDRESS: 'temporal.example:7233' }, stack)).toBeNull();
  });

  it('of a run in the Web UI survive colons and slashes in names', () => {
    expect(webUiLink('http://h', 'team/a', 'contact-import:L1:x')).toBe(
      'http://h/namespaces/team%2Fa/workflows/contact-import%3AL1%3Ax',
    );
  });
});
