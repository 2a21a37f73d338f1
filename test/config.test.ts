import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, FAMILIES, loadConfig, Secret } from '../src/config/config.ts';

const CANARY = 'canary-secret-4711';
const PAIR = { CXONE_CLIENT_ID: 'the-client', CXONE_CLIENT_SECRET: CANARY };

function problemsOf(env: Record<string, string>, readFile?: (path: string) => string): readonly string[] {
  try {
    loadConfig(env, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('defaults', () => {
  it('an empty environment is a valid one', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      databaseUrl: null,
      ratePerMinute: 1000,
      maxInFlight: 16,
      sourceDir: process.cwd(),
      searchAttributes: 'auto',
      temporalAddress: null,
      temporalNamespace: 'default',
      emailDailyLimit: 5000,
      timeZone: 'UTC',
      crm: { webhookUrl: null, syncToken: null, allowLoopback: false },
    });
    expect(config.cxone.duplicatesRefused).toBe(true);
    expect(config.cxone.families.contactlists).toMatchObject({ clientId: null, clientSecret: null });
  });

  it('the token endpoints are those of the tutorials', () => {
    const { families } = loadConfig({ ...PAIR, CXONE_INSTANCE: 'acme' }).cxone;
    expect(FAMILIES.map((family) => families[family].tokenUrl)).toEqual([
      'https://api.cxone.com/oauth/token',
      'https://api.cloud.nice-incontact.com/oauth2/token',
      'https://login.api-us-1.cxone.com/as/token.oauth2',
      'https://acme.api.nicecxone.com/api/v2/oauth/token',
      'https://us1.api.niceincontact.com/v1/oauth2/token',
    ]);
    expect(families.preferences.tokenAuth).toBe('basic');
    expect(families.outbound.refreshBeforeExpirySeconds).toBe(300);
  });

  it('an empty variable is one that is not set', () => {
    expect(loadConfig({ CXFLOW_RATE_PER_MINUTE: '', CXONE_API_URL: ' ' })).toEqual(loadConfig({}));
  });
});

describe('addresses', () => {
  it('CXONE_API_URL replaces the origin of every family and token endpoint', () => {
    const { families } = loadConfig({ CXONE_API_URL: 'http://127.0.0.1:8080/' }).cxone;
    for (const family of FAMILIES) {
      expect(families[family].url).toBe('http://127.0.0.1:8080');
      expect(families[family].tokenUrl).toMatch(/^http:\/\/127\.0\.0\.1:8080\/./);
    }
  });

  it("a family's own URL wins over CXONE_API_URL, and its token endpoint goes with it", () => {
    const env = { CXONE_API_URL: 'http://simulator:8080', CXONE_EMAIL_URL: 'https://mail.example/prefix/' };
    const { families } = loadConfig(env).cxone;
    expect(families.email.url).toBe('https://mail.example/prefix');
    expect(families.email.tokenUrl).toBe('https://mail.example/prefix/v1/oauth2/token');
    expect(families.lists.url).toBe('http://simulator:8080');
  });

  it("the tutorials' names are aliases of their family's URL", () => {
    const env = {
      CXONE_BASE_URL: 'https://prefs.example',
      CXONE_INSTANCE_URL: 'https://instance.example',
      CXONE_ENV_URL: 'https://mail.example',
      CXONE_CONTACT_LIST_ID: 'L1',
      EXTERNAL_MARKETING_WEBHOOK_URL: 'https://hooks.example/m',
    };
    const { cxone, crm } = loadConfig(env);
    expect(cxone.families.preferences.url).toBe('https://prefs.example');
    expect(cxone.families.outbound.url).toBe('https://instance.example');
    expect(cxone.families.email.url).toBe('https://mail.example');
    expect(cxone.contactListId).toBe('L1');
    expect(crm.marketingWebhookUrl).toBe('https://hooks.example/m');
  });

  it('an unknown region is an error, not the United States', () => {
    expect(problemsOf({ CXONE_REGION: 'apac' })).toEqual([
      expect.stringMatching(/^CXONE_REGION must be us or eu/),
    ]);
  });

  it("an EU tenant's data goes to no US host by default", () => {
    expect(problemsOf({ CXONE_REGION: 'eu' })).toEqual([
      expect.stringMatching(/^CXONE_LISTS_REGION is required/),
    ]);
    const { families } = loadConfig({ CXONE_REGION: 'eu', CXONE_LISTS_REGION: 'api-eu-1' }).cxone;
    expect(families.contactlists.url).toBe('https://api-eu.cloud.nice-incontact.com');
    expect(families.lists.tokenUrl).toBe('https://login.api-eu-1.cxone.com/as/token.oauth2');
    expect(families.email.url).toBe('');
  });

  it.each([
    'ftp://x.example',
    'http://api.example',
    'https://user:pw@api.example',
    'https://api.example?x=1',
    'x',
  ])('the client secret is not sent to %s', (url) => {
    expect(problemsOf({ CXONE_CONTACTLISTS_URL: url })).toHaveLength(1);
  });

  it('a webhook goes to this machine only where that is allowed', () => {
    const env = { CRM_WEBHOOK_URL: 'http://127.0.0.1:9/hook' };
    expect(problemsOf(env)).toHaveLength(1);
    const config = loadConfig({ ...env, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' });
    expect(config.crm.webhookUrl).toBe('http://127.0.0.1:9/hook');
    expect(
      problemsOf({ CRM_WEBHOOK_URL: 'http://crm.example', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' }),
    ).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('shows a secret to nobody who does not ask for it', () => {
    const config = loadConfig({ ...PAIR, CRM_SYNC_TOKEN: CANARY, WEBHOOK_SIGNING_SECRET: CANARY });
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      String(new Secret(CANARY)),
    ];
    for (const text of shown) expect(text).not.toContain(CANARY);
    expect(config.cxone.families.email.clientSecret?.reveal()).toBe(CANARY);
  });

  it('reads a secret from the file that *_FILE names, without its last line end', () => {
    const readFile = (path: string) => ({ '/run/secret': `${CANARY}\n` })[path] ?? '';
    const config = loadConfig({ CXONE_CLIENT_ID: 'x', CXONE_CLIENT_SECRET_FILE: '/run/secret' }, readFile);
    expect(config.cxone.families.lists.clientSecret?.reveal()).toBe(CANARY);
  });

  it('refuses a secret that is set twice, a file that is empty and one that is not there', () => {
    const both = { ...PAIR, CXONE_CLIENT_SECRET_FILE: '/f' };
    expect(problemsOf(both, () => 'y')).toEqual([expect.stringContaining('both set')]);
    const file = { CRM_SYNC_TOKEN_FILE: '/f' };
    expect(problemsOf(file, () => '\n')).toEqual([expect.stringContaining('empty file')]);
    expect(problemsOf({ CRM_SYNC_TOKEN_FILE: '/not/there' })).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('takes the pair of a family before the common one, and half a pair is a problem', () => {
    const own = { CXONE_EMAIL_CLIENT_ID: 'mailer', CXONE_EMAIL_CLIENT_SECRET: 'm' };
    const { families } = loadConfig({ ...PAIR, ...own }).cxone;
    expect([families.email.clientId, families.lists.clientId]).toEqual(['mailer', 'the-client']);
    expect(problemsOf({ ...PAIR, CXONE_EMAIL_CLIENT_ID: 'mailer' })).toHaveLength(1);
    expect(problemsOf({ CXONE_CLIENT_SECRET: 'x' })).toEqual([
      expect.stringMatching(/^CXONE_CLIENT_ID is missing/),
    ]);
  });

  it('the key of the rate budget is the same for the same client and host, and holds neither id nor secret', () => {
    const { tenant } = loadConfig(PAIR).cxone;
    expect(loadConfig(PAIR).cxone.tenant).toBe(tenant);
    expect(loadConfig({ ...PAIR, CXONE_CLIENT_ID: 'other' }).cxone.tenant).not.toBe(tenant);
    expect(tenant).not.toMatch(/the-client|canary/);
  });
});

describe('problems', () => {
  it('reports all of them at once, each with its variable and a remedy', () => {
    const problems = problemsOf({
      CXONE_API_URL: 'http://127.0.0.1:1/path',
      CXONE_REGION: 'mars',
      CXONE_CLIENT_ID: 'x',
      DATABASE_URL: 'mysql://x',
      CXFLOW_RATE_PER_MINUTE: '-1',
      CXFLOW_MAX_IN_FLIGHT: '0',
      CXFLOW_SEARCH_ATTRIBUTES: 'maybe',
      CXFLOW_TIME_ZONE: 'Mars/Olympus',
      CXONE_DUPLICATES_REFUSED: 'perhaps',
    });
    expect(problems.map((line) => line.split(' ')[0])).toEqual([
      'CXONE_API_URL',
      'CXONE_REGION',
      'CXONE_CLIENT_SECRET',
      'CXONE_DUPLICATES_REFUSED',
      'DATABASE_URL',
      'CXFLOW_RATE_PER_MINUTE',
      'CXFLOW_MAX_IN_FLIGHT',
      'CXFLOW_TIME_ZONE',
      'CXFLOW_SEARCH_ATTRIBUTES',
    ]);
    for (const line of problems) expect(line).toMatch(/: .{8,}/);
  });

  it('ends in settings or in a ConfigError, whatever the variables hold, and never quotes a secret', () => {
    const names = [
      ...[
        'CXONE_API_URL',
        'CXONE_REGION',
        'CXONE_LISTS_URL',
        'CXONE_INSTANCE',
        'CRM_WEBHOOK_URL',
        'DATABASE_URL',
      ],
      ...['CXFLOW_RATE_PER_MINUTE', 'CXFLOW_TIME_ZONE', 'CXONE_DUPLICATES_REFUSED'],
    ];
    const env = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.string(), fc.webUrl(), fc.integer().map(String)),
    );
    fc.assert(
      fc.property(env, (values) => {
        const problems = problemsOf({ ...values, ...PAIR });
        expect(problems.join()).not.toContain(CANARY);
      }),
    );
  });
});
