import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { examineSkew, skewOf } from '../../src/cli/doctor/clocks.ts';
import { examineCxone } from '../../src/cli/doctor/cxone.ts';
import { compareScopes } from '../../src/cli/doctor/cxone-family.ts';
import { examineHealth, examineMigrations } from '../../src/cli/doctor/database.ts';
import { type Finding, renderFinding, summarize } from '../../src/cli/doctor/finding.ts';
import { examineDisk, examineNode, examineSourceDir } from '../../src/cli/doctor/machine.ts';
import { examineWebhooks, judgeWebhook } from '../../src/cli/doctor/webhooks.ts';
import { run } from '../../src/cli/main.ts';
import { fakeCli } from './fakes.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** `text`: instead of a body in JSON. */
type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly date?: string;
};

/** A loopback CXone; what it was asked is kept. */
async function vendor(answer: (verb: string, path: string) => Answer) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { status, body, text, date } = answer(request.method ?? '', request.url ?? '');
    if (date) response.setHeader('date', date);
    const type = text === undefined ? 'application/json' : 'text/html';
    response.writeHead(status, { 'content-type': type }).end(text ?? JSON.stringify(body ?? {}));
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const LOGIN = { CXONE_CLIENT_ID: 'me', CXONE_CLIENT_SECRET: 'hush' };
const GRANTED = (scope?: string): Answer => ({
  status: 200,
  body: { access_token: 'bearer-of-test', expires_in: 60, ...(scope !== undefined && { scope }) },
});

async function found(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const all = [];
  for await (const finding of findings) all.push(finding);
  expect(JSON.stringify(all), 'no secret is shown').not.toMatch(/hush|bearer-of-test/);
  return all;
}

const cxone = (env: Record<string, string>) => found(examineCxone(env, loadConfig(env)));

describe('the doctor', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['20.18.9', 'problem'],
    ['18.20.0', 'problem'],
    ['22.0.0', 'ok'],
  ])('finds Node %s %s', (version, level) => {
    expect(examineNode(version).level).toBe(level);
  });

  it.each([
    [500, 'ok'],
    [-5_000, 'warning'],
    [120_000, 'problem'],
  ])('finds a clock that differs by %d ms %s', (ms, level) => {
    expect(examineSkew('Temporal', ms).level).toBe(level);
  });

  it('takes a slow answer or a date in whole seconds for no skew', () => {
    expect(skewOf({ theirsMs: 4_000, askedAtMs: 1_000, toldAtMs: 9_000 })).toBe(0);
    expect(skewOf({ theirsMs: 1_000, askedAtMs: 1_900, toldAtMs: 1_950, resolutionMs: 1_000 })).toBe(0);
    expect(skewOf({ theirsMs: 9_000, askedAtMs: 1_000, toldAtMs: 2_000 })).toBe(7_000);
    expect(skewOf({ theirsMs: 1_000, askedAtMs: 8_000, toldAtMs: 8_100 })).toBe(-7_000);
  });

  it('warns of a source folder that is not there', async () => {
    expect(await examineSourceDir('/nowhere/at/all')).toMatchObject({ level: 'warning' });
  });

  it('looks at the disk where the embedded database is, wherever its link leads; of another it says so', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
    await mkdir(join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), join(folder, 'postgres'));
    const disk = await examineDisk(join(folder, 'postgres'), 'embedded database');
    expect(disk.what).toMatch(/GB free where the embedded database is \(.*elsewhere\)$/);
    expect((await examineDisk(folder, 'this folder')).what).toContain('is not seen from here');
    await rm(folder, { recursive: true });
  });

  it('says what to do in every line that is not ok, and counts them', () => {
    const finding = examineNode('18.0.0');
    expect(renderFinding(finding, pc.createColors(false))).toContain('→ install');
    const skew = examineSkew('CXone', 5_000);
    expect(summarize([finding, skew])).toEqual({ ok: false, words: '1 problem, 1 warning' });
  });

  it('ends with 1 where something is missing, and names all of it', async () => {
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
  const look = async (env: Record<string, string>) => {
    const cli = fakeCli({}, { env: { CXFLOW_SOURCE_DIR: '/tmp', ...env }, cwd: '/tmp' });
    expect(await run(['doctor', '--json'], cli)).toBe(1);
    const { findings } = JSON.parse(cli.out()) as { findings: Finding[] };
    return {
      names: findings.map(({ name }) => name),
      of: (name: string) => findings.find((f) => f.name === name),
    };
  };

  it.each([
    ['a profile that there is none of', { TEMPORAL_PROFILE: 'nope' }],
    ["a certificate's file that is gone", { TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/cert.pem' }],
  ])('names %s and looks at the rest all the same', async (_, env) => {
    const { names, of } = await look(env);
    expect(of('Temporal')).toMatchObject({ level: 'problem' });
    expect(of('Temporal')?.what).toMatch(/nope|cert\.pem/);
    expect(of('Temporal')?.next).toContain('TEMPORAL_');
    expect(names.slice(-4)).toEqual(['CXone', 'CRM webhook', 'source folder', 'disk']);
  });

  it('says why it cannot be reached', async () => {
    const away = await look({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(away.of('Temporal')?.what).toMatch(/127\.0\.0\.1:1 does not answer .*ECONNREFUSED/);
    const { url } = await vendor(() => ({ status: 200 }));
    const plain = await look({ TEMPORAL_ADDRESS: new URL(url).host, TEMPORAL_TLS: 'true' });
    expect(plain.of('Temporal')?.what).toMatch(/SSL|TLS|wrong version|packet length/i);
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

  it('names a standby, a server that may forget, and too few connections', () => {
    expect(levels({})).toEqual(['ok', 'ok']);
    expect(levels({ readOnly: true })).toEqual(['ok', 'problem', 'ok']);
    expect(levels({ durable: false })).toEqual(['ok', 'warning', 'ok']);
    expect(levels({ usedConnections: 90 })).toEqual(['ok', 'warning']);
  });

  it('lets a worker make missing tables, unless it may not or they are of a newer version', () => {
    const level = (missing: string[], unknown: string[], mayCreate = true) =>
      examineMigrations({ missing, unknown }, { mayCreate }, 'cxflow').level;
    expect(level([], [])).toBe('ok');
    expect(level(['0001'], [])).toBe('warning');
    expect(level(['0001'], [], false)).toBe('problem');
    expect(level([], ['9999'])).toBe('problem');
  });
});

describe('the doctor and CXone', () => {
  const nameOf = (path: string) => (path.includes('token') ? 'token' : 'read');

  it('asks every family for a token and for a read, and writes nothing', async () => {
    const { url, asked } = await vendor((_, path) =>
      nameOf(path) === 'token' ? GRANTED() : { status: 404 },
    );
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    expect(findings.at(-1)).toMatchObject({ name: 'CXone clock' });
    const reads = asked.filter((line) => nameOf(line) === 'read');
    expect(reads).toHaveLength(4);
    expect(reads.every((line) => line.startsWith('GET '))).toBe(true);
  });

  it('warns of scopes that are missing, or beyond need', async () => {
    const { url } = await vendor((_, path) =>
      path === '/oauth2/token' ? GRANTED('contactlists:read') : GRANTED(),
    );
    const [, contactlists] = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(contactlists).toMatchObject({ level: 'warning', name: 'CXone contactlists' });
    expect(contactlists?.what).toContain('not granted: contactlists:write');
    expect(compareScopes(['a'], ['a', 'b'])).toEqual({ missing: [], beyond: ['b'] });
    expect(compareScopes(['a'], null)).toEqual({ missing: [], beyond: [] });
  });

  it('takes a refused login for a problem where a run of today needs it, or where it was given for that family', async () => {
    const { url } = await vendor(() => ({ status: 401, body: { error: 'invalid_client' } }));
    const common = await cxone({ ...LOGIN, CXONE_API_URL: url });
    const levelOf = (findings: Finding[], family: string) =>
      findings.find(({ name }) => name === `CXone ${family}`)?.level;
    expect(levelOf(common, 'contactlists')).toBe('problem');
    expect(levelOf(common, 'outbound')).toBe('warning');
    expect(common[1]?.what).toContain('(invalid_client)');
    const own = { CXONE_OUTBOUND_CLIENT_ID: 'o', CXONE_OUTBOUND_CLIENT_SECRET: 'hush' };
    expect(levelOf(await cxone({ ...LOGIN, ...own, CXONE_API_URL: url }), 'outbound')).toBe('problem');
  });

  it('says which scopes a read wants that is forbidden', async () => {
    const { url } = await vendor((_, path) => (nameOf(path) === 'token' ? GRANTED() : { status: 403 }));
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    const outbound = findings.find(({ name }) => name === 'CXone outbound');
    expect(outbound).toMatchObject({ level: 'warning' });
    expect(outbound?.next).toContain('outbound:campaign:read');
  });

  it.each([
    [{ status: 404, text: '<h1>Not Found</h1>' }, 'warning'],
    [{ status: 200, text: '<form>log in</form>' }, 'problem'],
    [{ status: 200, text: '' }, 'problem'],
    [{ status: 404 }, 'ok'],
  ])('does not take any web server for CXone: %j to a read is %s', async (answer, level) => {
    const { url } = await vendor((_, path) => (nameOf(path) === 'token' ? GRANTED() : answer));
    const own = { CXONE_OUTBOUND_CLIENT_ID: 'o', CXONE_OUTBOUND_CLIENT_SECRET: 'hush' };
    const findings = await cxone({ ...own, CXONE_OUTBOUND_URL: url });
    const outbound = findings.find(({ name }) => name === 'CXone outbound');
    expect(outbound).toMatchObject({ level });
    if (level !== 'ok') expect(outbound?.next).toContain('CXONE_OUTBOUND_URL');
  });

  it("reads CXone's clock from its answers", async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const { url } = await vendor(() => ({ ...GRANTED(), date }));
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.at(-1)).toMatchObject({ level: 'problem', name: 'CXone clock' });
    expect(findings.at(-1)?.what).toMatch(/behind this machine/);
  });
});

describe('the doctor and the webhook', () => {
  it('asks it with OPTIONS, posts nothing, and keeps its path for itself', async () => {
    const { url, asked } = await vendor(() => ({ status: 405 }));
    const env = { CRM_WEBHOOK_URL: `${url}/hooks/hush?key=hush`, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
    const [finding] = await found(examineWebhooks(loadConfig(env)));
    expect(finding).toMatchObject({ level: 'ok', what: `${url} answers (405 to OPTIONS)` });
    expect(asked).toEqual(['OPTIONS /hooks/hush?key=hush']);
  });

  it('tells one that cannot be reached from one that is ill', async () => {
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
    const [none] = await found(examineWebhooks(loadConfig({})));
    expect(none?.level).toBe('ok');
  });

  it('warns of a path where nobody is, and finds a redirect a problem: events follow none', () => {
    const judged = (status: number) =>
      judgeWebhook('w', 'https://crm', { kind: 'answer', status, headers: {}, body: '' });
    expect([301, 302, 308].map((status) => judged(status).level)).toEqual(['problem', 'problem', 'problem']);
    expect(judged(301).next).toContain('set the address that it redirects to');
    expect([404, 410].map((status) => judged(status).level)).toEqual(['warning', 'warning']);
  });
});
