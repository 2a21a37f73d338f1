/** Worker, commands and doctor all use the profile of Temporal's configuration file, here with TLS and an API key. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client.ts';
import { newFolder } from '../harness/folders.ts';
import { freshDatabase, freshNamespace } from '../harness/fresh.ts';
import { useProcesses } from '../harness/processes.ts';
import { startTlsProxy } from '../harness/tls-proxy.ts';
import { csv, rows } from './contacts.ts';
import { endOf } from './stand.ts';

const processes = useProcesses();
const API_KEY = 'the-key-of-the-profile';

async function stand() {
  const folder = await newFolder();
  const namespace = freshNamespace();
  const proxy = await startTlsProxy(folder, inject('temporalAddress'), API_KEY);
  onTestFinished(() => proxy.close());
  const profile = (apiKey: string) => `address = "${proxy.address}"
    namespace = "${namespace}"
    api_key = "${apiKey}"
    tls.server_ca_cert_path = "${proxy.certificateFile}"`;
  const file = join(folder, 'temporal.toml');
  await writeFile(file, `[profile.cloud]\n${profile(API_KEY)}\n[profile.expired]\n${profile('another')}`);
  const env = {
    DATABASE_URL: await freshDatabase(),
    TEMPORAL_CONFIG_FILE: file,
    TEMPORAL_PROFILE: 'cloud',
    CXONE_API_URL: 'http://127.0.0.1:1',
  };
  return { folder, namespace, proxy, env };
}

it('a profile with namespace, TLS and API key applies to the worker, the commands and the doctor', async () => {
  const { folder, namespace, proxy, env } = await stand();
  const worker = processes.start({ entry: 'worker', env, cwd: folder });
  expect((await worker.waitFor(/"namespace":"([^"]+)".*worker is ready/))[1]).toBe(namespace);

  await writeFile(join(folder, 'contacts.csv'), csv(rows(1, 3)));
  const cxflow = (args: readonly string[], more = {}) =>
    endOf(processes.start({ entry: 'cxflow', args, env: { ...env, ...more }, cwd: folder }));
  const planned = await cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1', '--dry-run', '--json']);
  expect(planned).toMatchObject({ code: 0, stderr: expect.not.stringContaining(API_KEY) as string });
  expect(JSON.parse(planned.stdout)).toMatchObject({ state: 'completed', counts: { total: 3 } });

  const { findings } = JSON.parse((await cxflow(['doctor', '--json'])).stdout) as {
    findings: { name: string; level: string; what: string }[];
  };
  expect(findings).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: 'ok', name: 'namespace', what: namespace }),
      expect.objectContaining({ level: 'ok', name: 'workers', what: '1 on task queue cxflow' }),
    ]),
  );
  expect(findings.find(({ name }) => name === 'Temporal')?.what).toContain(proxy.address);
  expect(proxy.requests.refused).toBe(0);

  const expired = JSON.parse(
    (await cxflow(['doctor', '--json'], { TEMPORAL_PROFILE: 'expired' })).stdout,
  ) as {
    findings: { name: string; level: string; what: string }[];
  };
  expect(expired.findings.find(({ name }) => name === 'Temporal')).toMatchObject({ level: 'problem' });
  expect(proxy.requests.refused).toBeGreaterThan(0);
  await worker.terminate();
});

it('the client of a service uses the profile, and environment variables take precedence', async () => {
  const { proxy, env } = await stand();
  const other = freshNamespace();
  const client = await connect({ databaseUrl: env.DATABASE_URL, env: { ...env, TEMPORAL_NAMESPACE: other } });
  onTestFinished(() => client.close());
  expect(client.temporal.options.namespace).toBe(other);
  expect(proxy.requests).toMatchObject({ refused: 0 });
  expect(proxy.requests.accepted).toBeGreaterThan(0);
});

it('a profile that does not exist ends the worker with a message that says what to check', async () => {
  const { folder, env } = await stand();
  const wrong = { ...env, TEMPORAL_PROFILE: 'nope' };
  const worker = await endOf(processes.start({ entry: 'cxflow', args: ['worker'], env: wrong, cwd: folder }));
  expect(worker).toMatchObject({ code: 2 });
  expect(worker.stderr).toMatch(/settings of Temporal cannot be read: .*nope[^]*→ check TEMPORAL_PROFILE/);
});
