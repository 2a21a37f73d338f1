import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { examineSkew, measureSkew } from '../../src/cli/doctor/clocks.ts';
import { examineCxone } from '../../src/cli/doctor/cxone.ts';
import { compareScopes } from '../../src/cli/doctor/cxone-family.ts';
import { examineHealth, examineMigrations } from '../../src/cli/doctor/database.ts';
import { type Finding, renderFinding, summarize } from '../../src/cli/doctor/finding.ts';
import { examineDisk, examineNode, examineSourceDir } from '../../src/cli/doctor/machine.ts';
import { examineWebhooks, judgeWebhook } from '../../src/cli/doctor/webhooks.ts';
import { run } from '../../src/cli/main.ts';
import { loadConfig } from '../../src/config/config.ts';
import { FAMILIES } from '../../src/cxone/families.wire.ts';
import { fakeCli } from './fakes.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** `text`: sent instead of a JSON body. */
type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly date?: string;
};

/** A fake CXone on the loopback interface that records its requests. */
async function fakeCxone(answer: (verb: string, path: string) => Answer | Promise<Answer>) {
  const requests: string[] = [];
  const respond = async (verb: string, path: string, response: ServerResponse): Promise<void> => {
    const { status, body, text, date } = await answer(verb, path);
    if (date) response.setHeader('date', date);
    const type = text === undefined ? 'application/json' : 'text/html';
    response.writeHead(status, { 'content-type': type }).end(text ?? JSON.stringify(body ?? {}));
  };
  const server = createServer(({ method = '', url = '' }, response) => {
    requests.push(`${method} ${url}`);
    void respond(method, url, response);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const LOGIN = { CXONE_CLIENT_ID: 'me', CXONE_CLIENT_SECRET: 'hush' };
const GRANTED = (scope?: string): Answer => ({
  status: 200,
  body: { access_token: 'bearer-of-test', expires_in: 60, ...(scope !== undefined && { scope }) },
});

async function collect(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const all = [];
  for await (const finding of findings) all.push(finding);
  expect(JSON.stringify(all), 'no secret is printed').not.toMatch(/hush|bearer-of-test/);
  return all;
}

const cxone = (env: Record<string, string>) => collect(examineCxone(env, loadConfig(env)));

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
    expect(away.of('Temporal')?.what).toMatch(/127\.0\.0\.1:1 does not answer .*ECONNREFUSED/);
    const { url } = await fakeCxone(() => ({ status: 200 }));
    const plain = await examineWith({ TEMPORAL_ADDRESS: new URL(url).host, TEMPORAL_TLS: 'true' });
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

describe('the doctor and CXone', () => {
  const nameOf = (path: string) => (path.includes('token') ? 'token' : 'read');

  it('gets a token and reads from every family, and writes nothing', async () => {
    const { url, requests } = await fakeCxone((_, path) =>
      nameOf(path) === 'token' ? GRANTED() : { status: 404 },
    );
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    expect(findings.at(-1)).toMatchObject({ name: 'CXone clock' });
    const reads = requests.filter((line) => nameOf(line) === 'read');
    expect(reads).toHaveLength(4);
    expect(reads.every((line) => line.startsWith('GET '))).toBe(true);
  });

  it('warns about missing and surplus scopes', async () => {
    const { url } = await fakeCxone((_, path) =>
      path === '/oauth2/token' ? GRANTED('contactlists:read') : GRANTED(),
    );
    const [, contactlists] = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(contactlists).toMatchObject({ level: 'warning', name: 'CXone contactlists' });
    expect(contactlists?.what).toContain('scopes not granted: contactlists:write');
    expect(compareScopes(['a'], ['a', 'b'])).toEqual({ missing: [], surplus: ['b'] });
    expect(compareScopes(['a'], null)).toEqual({ missing: [], surplus: [] });
  });

  it('takes a refused login for a problem if no family accepts it, or if the family has credentials of its own', async () => {
    const refusal = { status: 401, body: { error: 'invalid_client' } };
    const levelOf = (findings: Finding[], family: string) =>
      findings.find(({ name }) => name === `CXone ${family}`)?.level;
    const { url } = await fakeCxone(() => refusal);
    const allRefused = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(levelOf(allRefused, 'outbound')).toBe('problem');
    expect(levelOf(allRefused, 'email'), 'no operation uses it yet').toBe('warning');
    expect(allRefused[1]?.what).toContain('(invalid_client)');

    const isOutbound = (path: string) => path.startsWith('/oauth2/outbound');
    const partly = await fakeCxone((_, path) => (isOutbound(path) ? refusal : GRANTED()));
    const env = {
      ...LOGIN,
      CXONE_API_URL: partly.url,
      CXONE_OUTBOUND_TOKEN_URL: `${partly.url}/oauth2/outbound`,
    };
    expect(levelOf(await cxone(env), 'outbound'), 'perhaps not licensed').toBe('warning');
    const own = { CXONE_OUTBOUND_CLIENT_ID: 'o', CXONE_OUTBOUND_CLIENT_SECRET: 'hush' };
    expect(levelOf(await cxone({ ...env, ...own }), 'outbound')).toBe('problem');
  });

  it('takes refused logins for a problem even if a family that no operation uses grants a token', async () => {
    const refusal = { status: 401, body: { error: 'invalid_client' } };
    const isUnused = (path: string) => path === FAMILIES.email.tokenPath || path === FAMILIES.lists.tokenPath;
    const { url } = await fakeCxone((_, path) => {
      if (nameOf(path) === 'read') return { status: 404 };
      return isUnused(path) ? GRANTED() : refusal;
    });
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    const levels = findings.map(({ name, level }) => [name, level]);
    expect(Object.fromEntries(levels)).toMatchObject({
      'CXone preferences': 'problem',
      'CXone contactlists': 'problem',
      'CXone lists': 'ok',
      'CXone outbound': 'problem',
      'CXone email': 'ok',
    });
    expect(summarize(findings).ok).toBe(false);
  });

  it('logs in to all families at once, and reports each as soon as the ones before it are done', async () => {
    let release: (answer: Answer) => void = () => undefined;
    const isReleased = new Promise<Answer>((resolve) => (release = resolve));
    const { url, requests } = await fakeCxone((_, path) => {
      if (nameOf(path) === 'read') return { status: 404 };
      return path === FAMILIES.email.tokenPath ? isReleased : GRANTED();
    });
    const env = { ...LOGIN, CXONE_API_URL: url };
    const findings = examineCxone(env, loadConfig(env))[Symbol.asyncIterator]();
    for (const family of ['preferences', 'contactlists', 'lists', 'outbound']) {
      expect((await findings.next()).value).toMatchObject({ name: `CXone ${family}`, level: 'ok' });
    }
    await vi.waitFor(() => expect(requests).toContain(`POST ${FAMILIES.email.tokenPath}`));
    release(GRANTED());
    expect((await findings.next()).value).toMatchObject({ name: 'CXone email', level: 'ok' });
  });

  it('names the scopes for a read that is forbidden', async () => {
    const { url } = await fakeCxone((_, path) => (nameOf(path) === 'token' ? GRANTED() : { status: 403 }));
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
  ])('does not take any web server for CXone: after %j to a read it is %s', async (answer, level) => {
    const { url } = await fakeCxone((_, path) => (nameOf(path) === 'token' ? GRANTED() : answer));
    const own = { CXONE_OUTBOUND_CLIENT_ID: 'o', CXONE_OUTBOUND_CLIENT_SECRET: 'hush' };
    const findings = await cxone({ ...own, CXONE_OUTBOUND_URL: url });
    const outbound = findings.find(({ name }) => name === 'CXone outbound');
    expect(outbound).toMatchObject({ level });
    if (level !== 'ok') expect(outbound?.next).toContain('CXONE_OUTBOUND_URL');
  });

  it("reads CXone's clock from its answers", async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const { url } = await fakeCxone(() => ({ ...GRANTED(), date }));
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.at(-1)).toMatchObject({ level: 'problem', name: 'CXone clock' });
    expect(findings.at(-1)?.what).toMatch(/behind this machine/);
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
