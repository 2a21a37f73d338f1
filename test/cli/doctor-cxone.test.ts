import { describe, expect, it } from 'vitest';
import { examineCxone } from '../../src/cli/doctor/cxone.ts';
import { compareScopes } from '../../src/cli/doctor/cxone-family.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { loadConfig } from '../../src/config/config.ts';
import { FAMILIES } from '../../src/cxone/families.wire.ts';
import { eventually } from '../harness/wait.ts';
import { type Answer, collect, fakeCxone } from './fake-cxone.ts';

const LOGIN = { CXONE_CLIENT_ID: 'me', CXONE_CLIENT_SECRET: 'hush' };
const GRANTED = (scope?: string): Answer => ({
  status: 200,
  body: { access_token: 'bearer-of-test', expires_in: 60, ...(scope !== undefined && { scope }) },
});

const cxone = (env: Record<string, string>) => collect(examineCxone(env, loadConfig(env)));

describe('the doctor and CXone', () => {
  const operationsOf = (findings: Finding[]) =>
    findings.find(({ name }) => name === 'CXone operations') as Finding;
  const nameOf = (path: string) => (path.includes('token') ? 'token' : 'read');

  it('gets a token and reads from every family, and writes nothing', async () => {
    const { url, requests } = await fakeCxone((_, path) =>
      nameOf(path) === 'token' ? GRANTED() : { status: 404 },
    );
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    expect(findings.at(-2)).toMatchObject({
      name: 'CXone operations',
      what:
        'can run: contact imports, contact imports with `--require-consent`, preference updates, ' +
        'eligibility checks, selection updates, list loads, email sends, ' +
        'email sends without `--channel-consent ignore`',
    });
    expect(findings.at(-1)).toMatchObject({ name: 'CXone clock' });
    const reads = requests.filter((line) => nameOf(line) === 'read');
    expect(reads).toHaveLength(4);
    expect(reads.every((line) => line.startsWith('GET '))).toBe(true);
  });

  it('warns about missing and surplus scopes', async () => {
    const { url } = await fakeCxone((_, path) =>
      path === '/oauth2/token' ? GRANTED('contactlists:read') : GRANTED(),
    );
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    const [, contactlists] = findings;
    expect(contactlists).toMatchObject({ level: 'warning', name: 'CXone contactlists' });
    expect(contactlists?.what).toContain('scopes not granted: contactlists:write');
    expect(operationsOf(findings).what).toMatch(/not ready: contact imports \(contactlists\),/);
    expect(compareScopes(['a'], ['a', 'b'])).toEqual({ missing: [], surplus: ['b'] });
    expect(compareScopes(['a'], null)).toEqual({ missing: [], surplus: [] });
  });

  it('reports a refused login as a problem if no family accepts it, or if the family has its own credentials', async () => {
    const refusal = { status: 401, body: { error: 'invalid_client' } };
    const levelOf = (findings: Finding[], family: string) =>
      findings.find(({ name }) => name === `CXone ${family}`)?.level;
    const { url } = await fakeCxone(() => refusal);
    const allRefused = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(levelOf(allRefused, 'outbound')).toBe('problem');
    expect(allRefused[1]?.what).toContain('(invalid_client)');

    const isOutbound = (path: string) => path.startsWith('/oauth2/outbound');
    const partly = await fakeCxone((_, path) => (isOutbound(path) ? refusal : GRANTED()));
    const env = {
      ...LOGIN,
      CXONE_API_URL: partly.url,
      CXONE_OUTBOUND_TOKEN_URL: `${partly.url}/oauth2/outbound`,
    };
    expect(levelOf(await cxone(env), 'outbound'), 'a family that may not be licensed').toBe('warning');
    const own = { CXONE_OUTBOUND_CLIENT_ID: 'o', CXONE_OUTBOUND_CLIENT_SECRET: 'hush' };
    expect(levelOf(await cxone({ ...env, ...own }), 'outbound')).toBe('problem');
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
    await eventually(() => expect(requests).toContain(`POST ${FAMILIES.email.tokenPath}`));
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
    const ready = expect(operationsOf(findings).what);
    (level === 'ok' ? ready : ready.not).toContain('can run: selection updates');
  });

  it('lists the operations that can run with what is configured, and what the others lack', async () => {
    const { url } = await fakeCxone((_, path) => {
      if (path === FAMILIES.preferences.tokenPath) return { status: 401, body: { error: 'invalid_client' } };
      return nameOf(path) === 'token' ? GRANTED() : { status: 404 };
    });
    const env = { CXONE_REGION: 'eu', CXONE_CONTACTLISTS_URL: url, CXONE_PREFERENCES_URL: url };
    const findings = await cxone({ ...LOGIN, ...env });
    expect(findings.find(({ name }) => name === 'CXone outbound')).toMatchObject({
      what: 'no address: selection updates cannot run',
      next: 'set CXONE_INSTANCE or CXONE_OUTBOUND_URL',
    });
    expect(operationsOf(findings)).toMatchObject({
      level: 'warning',
      what:
        'can run: contact imports; not ready: contact imports with `--require-consent` (preferences), ' +
        'preference updates (preferences), eligibility checks (preferences), selection updates (outbound), ' +
        'list loads (lists), email sends (email), ' +
        'email sends without `--channel-consent ignore` (email, preferences)',
    });
  });

  it("reads CXone's clock from its answers", async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const { url } = await fakeCxone(() => ({ ...GRANTED(), date }));
    const findings = await cxone({ ...LOGIN, CXONE_API_URL: url });
    expect(findings.at(-1)).toMatchObject({ level: 'problem', name: 'CXone clock' });
    expect(findings.at(-1)?.what).toMatch(/behind this machine/);
  });
});
