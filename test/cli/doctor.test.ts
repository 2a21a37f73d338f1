import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { examineSkew, measureSkew } from '../../src/cli/doctor/clocks.ts';
import { examineHealth, examineMigrations, examineTenant } from '../../src/cli/doctor/database.ts';
import { type Finding, renderFinding, summarize } from '../../src/cli/doctor/finding.ts';
import { examineDisk, examineNode, examineSourceDir } from '../../src/cli/doctor/machine.ts';
import { examineWebhooks, judgeWebhook } from '../../src/cli/doctor/webhooks.ts';
import { run } from '../../src/cli/main.ts';
import { loadConfig } from '../../src/config/config.ts';
import { collect, fakeCxone } from './fake-cxone.ts';
import { fakeCli } from './fakes.ts';

describe('the doctor', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['20.18.9', 'problem'],
    ['18.20.0', 'problem'],
    ['22.0.0', 'ok'],
  ])('judges Node %s: %s', (version, level) => {
    expect(examineNode(version).level).toBe(level);
  });

  it.each([
    [500, 'ok'],
    [-5_000, 'warning'],
    [120_000, 'problem'],
  ])('judges a clock that is %d ms off: %s', (ms, level) => {
    expect(examineSkew('Temporal', ms).level).toBe(level);
  });

  it('does not take a slow answer or a date in whole seconds for clock skew', () => {
    expect(measureSkew({ theirsMs: 4_000, sentAtMs: 1_000, receivedAtMs: 9_000 })).toBe(0);
    expect(measureSkew({ theirsMs: 1_000, sentAtMs: 1_900, receivedAtMs: 1_950, resolutionMs: 1_000 })).toBe(
      0,
    );
    expect(measureSkew({ theirsMs: 9_000, sentAtMs: 1_000, receivedAtMs: 2_000 })).toBe(7_000);
    expect(measureSkew({ theirsMs: 1_000, sentAtMs: 8_000, receivedAtMs: 8_100 })).toBe(-7_000);
  });

  it('warns about a source folder that does not exist', async () => {
    expect(await examineSourceDir('/nowhere/at/all')).toMatchObject({ level: 'warning' });
    expect(await examineSourceDir(null)).toMatchObject({ level: 'ok' });
  });

  it('examines the disk of the embedded database through a link, and cannot examine that of any other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
    await mkdir(join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), join(folder, 'postgres'));
    const disk = await examineDisk(join(folder, 'postgres'), 'embedded database');
    expect(disk.what).toMatch(/GB free where the embedded database is \(.*elsewhere\)$/);
    expect((await examineDisk(folder, 'this folder')).what).toContain('cannot be examined from here');
    await rm(folder, { recursive: true });
  });

  it('prints what to do for every warning and problem, and counts them', () => {
    const finding = examineNode('18.0.0');
    expect(renderFinding(finding, pc.createColors(false))).toContain('→ install');
    const skew = examineSkew('CXone', 5_000);
    expect(summarize([finding, skew])).toEqual({ ok: false, summary: '1 problem, 1 warning' });
  });

  it('exits with 1 if something is missing, and names all of it', async () => {
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', CXFLOW_SOURCE_DIR: '/tmp' };
    const cli = fakeCli({}, { env, cwd: '/tmp' });
    expect(await run(['doctor', '--json'], cli)).toBe(1);
    const { ok, findings } = JSON.parse(cli.out()) as {
      ok: boolean;
      findings: { level: string; name: string }[];
    };
    expect(ok).toBe(false);
    const problems = findings.filter(({ level }) => level === 'problem').map(({ name }) => name);
    expect(problems).toEqual(['database', 'Temporal', 'CXone']);
  });
});

describe('the doctor and Temporal', () => {
  const examineWith = async (env: Record<string, string>) => {
    const cli = fakeCli({}, { env: { CXFLOW_SOURCE_DIR: '/tmp', ...env }, cwd: '/tmp' });
    expect(await run(['doctor', '--json'], cli)).toBe(1);
    const { findings } = JSON.parse(cli.out()) as { findings: Finding[] };
    return {
      names: findings.map(({ name }) => name),
      of: (name: string) => findings.find((f) => f.name === name),
    };
  };

  it.each([
    ['a profile that does not exist', { TEMPORAL_PROFILE: 'nope' }],
    ['a certificate file that does not exist', { TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/cert.pem' }],
  ])('reports %s and examines the rest as well', async (_, env) => {
    const { names, of } = await examineWith(env);
    expect(of('Temporal')).toMatchObject({ level: 'problem' });
    expect(of('Temporal')?.what).toMatch(/nope|cert\.pem/);
    expect(of('Temporal')?.next).toContain('TEMPORAL_');
    expect(names.slice(-4)).toEqual(['CXone', 'CRM webhook', 'source folder', 'disk']);
  });

  it('reports why Temporal cannot be reached', async () => {
    const away = await examineWith({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(away.of('Temporal')?.what).toMatch(
      /127\.0\.0\.1:1 does not answer .*ECONNREFUSED 127\.0\.0\.1:1\)$/,
    );
    const { url } = await fakeCxone(() => ({ status: 200 }));
    const plain = await examineWith({ TEMPORAL_ADDRESS: new URL(url).host, TEMPORAL_TLS: 'true' });
    expect(plain.of('Temporal')?.what).toMatch(/SSL|TLS|wrong version|packet length/i);
  });
});

describe('the doctor and the tenant', () => {
  const credentials = { CXONE_REGION: 'us', CXONE_CLIENT_ID: 'c', CXONE_CLIENT_SECRET: 's' };
  const examined = (owner: string | null, env: Record<string, string>) => [
    ...examineTenant(owner, loadConfig(env).cxone),
  ];

  it('wants a name where there are credentials, and the one of the ledger', () => {
    expect(examined('acme', {})).toMatchObject([{ level: 'ok', what: 'the ledger belongs to acme' }]);
    expect(examined(null, {})).toEqual([]);
    expect(examined('acme', { ...credentials, CXONE_TENANT: 'acme' })).toMatchObject([{ level: 'ok' }]);
    const unnamed = examined('acme', credentials);
    expect(unnamed).toMatchObject([{ level: 'problem', next: 'set CXONE_TENANT to acme' }]);
    const other = examined('acme', { ...credentials, CXONE_TENANT: 'other' });
    expect(other).toMatchObject([{ level: 'problem' }]);
    expect(other[0]?.next).toContain('CXONE_TENANT=acme');
  });
});

describe('the doctor and the database', () => {
  const HEALTHY = {
    serverTime: new Date(),
    version: '18.1',
    readOnly: false,
    durable: true,
    maxConnections: 100,
    usedConnections: 10,
    bytes: 5e9,
    mayCreate: true,
  };
  const levels = (change: Partial<typeof HEALTHY>) =>
    [...examineHealth({ ...HEALTHY, ...change }, 1, 16)].map(({ level }) => level);

  it('reports a standby, a server that is not durable, and too few connections', () => {
    expect(levels({})).toEqual(['ok', 'ok']);
    expect(levels({ readOnly: true })).toEqual(['ok', 'problem', 'ok']);
    expect(levels({ durable: false })).toEqual(['ok', 'warning', 'ok']);
    expect(levels({ usedConnections: 90 })).toEqual(['ok', 'warning']);
  });

  it('warns about missing tables; a problem if a worker may not create them or they are from a newer version', () => {
    const level = (missing: string[], unknown: string[], mayCreate = true) =>
      examineMigrations({ missing, unknown }, { mayCreate }, 'cxflow').level;
    expect(level([], [])).toBe('ok');
    expect(level(['0001'], [])).toBe('warning');
    expect(level(['0001'], [], false)).toBe('problem');
    const { next } = examineMigrations(
      { missing: ['0001'], unknown: [] },
      { mayCreate: false },
      'npx cxflow',
    );
    expect(next).toContain('`npx cxflow migrate` with a role that may create tables');
    expect(level([], ['9999'])).toBe('problem');
  });
});

describe('the doctor and the webhook', () => {
  it('sends it OPTIONS, posts nothing, and does not print its path', async () => {
    const { url, requests } = await fakeCxone(() => ({ status: 405 }));
    const env = { CRM_WEBHOOK_URL: `${url}/hooks/hush?key=hush`, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
    const [finding] = await collect(examineWebhooks(loadConfig(env)));
    expect(finding).toMatchObject({ level: 'ok', what: `${url} answers (405 to OPTIONS)` });
    expect(requests).toEqual(['OPTIONS /hooks/hush?key=hush']);
  });

  it('says whether events are signed, without the secret', async () => {
    const { url } = await fakeCxone(() => ({ status: 204 }));
    const env = { CRM_WEBHOOK_URL: url, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
    const secret = `whsec_${Buffer.alloc(24, 'hush').toString('base64')}`;
    const signatures = async (value: string) => {
      const config = loadConfig({ ...env, CXFLOW_WEBHOOK_SECRET: value });
      return (await collect(examineWebhooks(config))).at(-1)?.what;
    };
    expect(await signatures('')).toBe('none: events are not signed (CXFLOW_WEBHOOK_SECRET)');
    expect(await signatures(secret)).toBe('events are signed');
    const rotating = await signatures(`${secret} ${secret.replace('whsec_a', 'whsec_b')}`);
    expect(rotating).toMatch(/two secrets; remove the old one/);
    expect(rotating).not.toContain(secret.slice(6));
  });

  it('does not connect to an address that events are not sent to', async () => {
    const { url, requests } = await fakeCxone(() => ({ status: 204 }));
    const { crm } = loadConfig({ CRM_WEBHOOK_URL: url, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' });
    const [finding] = await collect(examineWebhooks({ crm: { ...crm, allowLoopback: false } }));
    expect(finding).toMatchObject({
      level: 'problem',
      what: `${url} is refused`,
      next: 'no event is sent to it, because it resolves to 127.0.0.1, this machine, which only CXFLOW_ALLOW_LOOPBACK_WEBHOOKS=true permits',
    });
    expect(requests).toEqual([]);
  });

  it('distinguishes a webhook that cannot be reached from one that fails', async () => {
    const gone = judgeWebhook('w', 'https://crm', {
      kind: 'none',
      reason: 'connection',
      code: 'ENOTFOUND',
      sent: false,
    });
    expect(gone).toMatchObject({ level: 'problem' });
    expect(gone.what).toContain('ENOTFOUND');
    const answer = (status: number) =>
      judgeWebhook('w', 'https://crm', { kind: 'answer', status, headers: {}, body: '' }).level;
    expect([204, 401, 405, 501, 503].map(answer)).toEqual(['ok', 'ok', 'ok', 'ok', 'warning']);
    const [none] = await collect(examineWebhooks(loadConfig({})));
    expect(none).toMatchObject({ level: 'ok', what: 'not set (CRM_WEBHOOK_URL), so no events are sent' });
  });

  it('warns about a wrong path; a redirect is a problem, because events do not follow it', () => {
    const judged = (status: number) =>
      judgeWebhook('w', 'https://crm', { kind: 'answer', status, headers: {}, body: '' });
    expect([301, 302, 308].map((status) => judged(status).level)).toEqual(['problem', 'problem', 'problem']);
    expect(judged(301).next).toContain('set the address that it redirects to');
    expect([404, 410].map((status) => judged(status).level)).toEqual(['warning', 'warning']);
  });
});
