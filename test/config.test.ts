import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SETTINGS, variablesOf } from '../src/config/catalogue.ts';
import { ConfigError, loadConfig } from '../src/config/config.ts';
import * as families from '../src/config/families.ts';
import { Secret } from '../src/config/secret.ts';
import * as settings from '../src/config/settings.ts';
import { FAMILY_NAMES } from '../src/cxone/families.wire.ts';
import { POISONS } from './contract/texts.ts';

const CANARY = 'canary-secret-4711';
const PAIR = { CXONE_REGION: 'us', CXONE_CLIENT_ID: 'the-client', CXONE_CLIENT_SECRET: CANARY };

function listProblems(env: Record<string, string>, readFile?: (path: string) => string): readonly string[] {
  try {
    loadConfig(env, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

it('has every setting in the catalogue', () => {
  const { webhookSettings } = settings;
  const { familyVariables } = families;
  const made = [webhookSettings({ allowLoopback: true, hosts: null }), ...FAMILY_NAMES.map(familyVariables)];
  const exported = [...Object.values({ ...settings, ...families }), ...made];
  const found = exported.flatMap((each: object): object[] =>
    'schema' in each ? [each] : (Object.values(each) as object[]),
  );
  const names = found.flatMap((each: object) => ('schema' in each && 'name' in each ? [each.name] : []));
  expect(names.length).toBeGreaterThan(40);
  expect(SETTINGS.map(({ name }) => name).sort()).toEqual([...new Set(names)].sort());
});

describe('a text that could do damage', () => {
  const variables = SETTINGS.flatMap((setting) => variablesOf(setting));
  const poisons = { ...Object.fromEntries(Object.entries(POISONS)), replaced: 'K\ufffdln' };
  const beginsWith = (name: string) => (problem: string) => problem.startsWith(`${name} must`);

  it.each(variables)('is refused in %s', (name) => {
    for (const [poison, text] of Object.entries(poisons)) {
      const problems = listProblems({ [name]: `${CANARY}${text}` }, () => 'x');
      expect(problems.filter(beginsWith(name)), poison).toHaveLength(1);
      expect(problems.join()).not.toContain(CANARY);
    }
  });

  it.each(variables.filter((name) => name.endsWith('_FILE')))('is refused in the file of %s', (name) => {
    for (const [poison, text] of Object.entries(poisons)) {
      const problems = listProblems({ [name]: '/run/secrets/x' }, () => `${CANARY}${text}\n`);
      expect(problems.filter(beginsWith(`the file of ${name}`)), poison).toHaveLength(1);
      expect(problems.join()).not.toContain(CANARY);
    }
  });
});

describe('DATABASE_URL', () => {
  const withTimeout = (timeout: string) => ({
    DATABASE_URL: `postgres://u@h/d?statement_timeout=${timeout}`,
  });

  it.each(['1', '120000', '600000'])('may state a statement_timeout of %s ms', (timeout) => {
    expect(listProblems(withTimeout(timeout))).toEqual([]);
  });

  it.each(['0', '', '600001', '10min', '-1', '1e3'])('refuses a statement_timeout of %j', (timeout) => {
    expect(listProblems(withTimeout(timeout))).toEqual([
      expect.stringMatching(/^DATABASE_URL must have a statement_timeout of 1 to 600000/),
    ]);
  });
});

describe('defaults', () => {
  it('an empty environment is valid', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      databaseUrl: null,
      ratePerMinute: 1000,
      maxInFlight: 16,
      sourceDir: null,
      searchAttributes: 'auto',
      temporalAddress: null,
      temporalNamespace: 'default',
      crm: { webhookUrl: null, syncToken: null, signingSecrets: [], allowLoopback: false, hosts: null },
    });
    expect(config.cxone.duplicatesRefused).toBe(true);
    expect(config.cxone.families.contactlists).toMatchObject({ clientId: null, clientSecret: null });
  });

  it('has the token endpoints of the tutorials', () => {
    const { families } = loadConfig({ ...PAIR, CXONE_INSTANCE: 'acme' }).cxone;
    expect(FAMILY_NAMES.map((family) => families[family].tokenUrl)).toEqual([
      'https://api.cxone.com/oauth/token',
      'https://api.cloud.nice-incontact.com/oauth2/token',
      'https://login.api-us-1.cxone.com/as/token.oauth2',
      'https://acme.api.nicecxone.com/api/v2/oauth/token',
      'https://us1.api.niceincontact.com/v1/oauth2/token',
    ]);
    expect(families.preferences.tokenAuth).toBe('basic');
    expect(families.outbound.refreshBeforeExpirySeconds).toBe(300);
  });

  it('an empty variable counts as unset', () => {
    expect(loadConfig({ CXFLOW_RATE_PER_MINUTE: '', CXONE_API_URL: ' ' })).toEqual(loadConfig({}));
  });
});

describe('addresses', () => {
  it('CXONE_API_URL replaces the origin of every family and token endpoint', () => {
    const { families } = loadConfig({ CXONE_API_URL: 'http://127.0.0.1:8080/' }).cxone;
    for (const family of FAMILY_NAMES) {
      expect(families[family].url).toBe('http://127.0.0.1:8080');
      expect(families[family].tokenUrl).toMatch(/^http:\/\/127\.0\.0\.1:8080\/./);
    }
  });

  it("a family's own URL overrides CXONE_API_URL and moves its token endpoint", () => {
    const env = { CXONE_API_URL: 'http://simulator:8080', CXONE_EMAIL_URL: 'https://mail.example/prefix/' };
    const { families } = loadConfig(env).cxone;
    expect(families.email.url).toBe('https://mail.example/prefix');
    expect(families.email.tokenUrl).toBe('https://mail.example/prefix/v1/oauth2/token');
    expect(families.lists.url).toBe('http://simulator:8080');
  });

  it('accepts the names that the tutorials use as aliases', () => {
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

  it('an unknown region is an error and does not mean the US', () => {
    expect(listProblems({ CXONE_REGION: 'apac' })).toEqual([
      expect.stringMatching(/^CXONE_REGION must be us or eu/),
    ]);
  });

  it('an unset region is an error with credentials, because they would go to some region', () => {
    const { CXONE_REGION: _, ...credentials } = PAIR;
    const ofFamily = { CXONE_EMAIL_CLIENT_ID: 'x', CXONE_EMAIL_CLIENT_SECRET: 'y' };
    for (const env of [credentials, { ...credentials, CXONE_REGION: '' }, ofFamily]) {
      expect(listProblems(env)).toEqual([expect.stringMatching(/^CXONE_REGION is required.*: set us or eu/)]);
    }
    expect(listProblems({ ...credentials, CXONE_API_URL: 'http://127.0.0.1:1' })).toEqual([]);
    expect(listProblems({ ...ofFamily, CXONE_ENV_URL: 'https://mail.example' })).toEqual([]);
    const { families } = loadConfig({}).cxone;
    expect([families.contactlists.url, families.lists.url, families.email.tokenUrl]).toEqual(['', '', '']);
  });

  it('CXONE_REGION=eu alone is enough for contact lists, with the hosts of the contact import tutorial', () => {
    const { contactlists } = loadConfig({ ...PAIR, CXONE_REGION: 'eu' }).cxone.families;
    expect(contactlists.url).toBe('https://api-eu.cloud.nice-incontact.com');
    expect(contactlists.tokenUrl).toBe('https://api-eu.cloud.nice-incontact.com/oauth2/token');
  });

  it('the address of one family is enough; the others have none, and say which settings would give them one', () => {
    const { CXONE_REGION: _, ...credentials } = PAIR;
    const { families } = loadConfig({
      ...credentials,
      CXONE_CONTACTLISTS_URL: 'https://lists.example',
    }).cxone;
    expect(FAMILY_NAMES.map((name) => [name, families[name].url, families[name].addressSettings])).toEqual([
      ['preferences', '', 'CXONE_REGION or CXONE_PREFERENCES_URL'],
      ['contactlists', 'https://lists.example', 'CXONE_REGION or CXONE_CONTACTLISTS_URL'],
      ['lists', '', 'CXONE_REGION or CXONE_LISTS_REGION or CXONE_LISTS_URL'],
      ['outbound', '', 'CXONE_INSTANCE or CXONE_OUTBOUND_URL'],
      ['email', '', 'CXONE_REGION or CXONE_EMAIL_URL'],
    ]);
    const inEu = loadConfig({ ...PAIR, CXONE_REGION: 'eu' }).cxone.families;
    expect(inEu.lists.addressSettings).toBe('CXONE_LISTS_REGION or CXONE_LISTS_URL');
    expect(inEu.email.addressSettings).toBe('CXONE_EMAIL_URL');
    const { lists } = loadConfig({ ...PAIR, CXONE_REGION: 'eu', CXONE_LISTS_URL: 'https://x' }).cxone
      .families;
    expect(lists.addressSettings).toBe('CXONE_LISTS_REGION or CXONE_LISTS_TOKEN_URL');
  });

  it("never sends an EU tenant's data to a US host by default", () => {
    const { families: withoutLists } = loadConfig({ ...PAIR, CXONE_REGION: 'eu' }).cxone;
    expect([withoutLists.lists.url, withoutLists.lists.tokenUrl, withoutLists.email.url]).toEqual([
      '',
      '',
      '',
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
  ])('does not send the client secret to %s', (url) => {
    expect(listProblems({ CXONE_CONTACTLISTS_URL: url })).toHaveLength(1);
  });

  it('accepts a webhook on this machine only if that is allowed', () => {
    const env = { CRM_WEBHOOK_URL: 'http://127.0.0.1:9/hook' };
    expect(listProblems(env)).toHaveLength(1);
    const config = loadConfig({ ...env, CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' });
    expect(config.crm.webhookUrl).toBe('http://127.0.0.1:9/hook');
    expect(
      listProblems({ CRM_WEBHOOK_URL: 'http://crm.example', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' }),
    ).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('shows a secret only through reveal()', () => {
    const config = loadConfig({ ...PAIR, CRM_SYNC_TOKEN: CANARY });
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      String(new Secret(CANARY)),
    ];
    for (const text of shown) expect(text).not.toContain(CANARY);
    expect(config.cxone.families.email.clientSecret?.reveal()).toBe(CANARY);
  });

  it('reads a secret from the file that *_FILE names, without the final newline', () => {
    const readFile = (path: string) => ({ '/run/secret': `${CANARY}\n` })[path] ?? '';
    const config = loadConfig(
      { CXONE_REGION: 'us', CXONE_CLIENT_ID: 'x', CXONE_CLIENT_SECRET_FILE: '/run/secret' },
      readFile,
    );
    expect(config.cxone.families.lists.clientSecret?.reveal()).toBe(CANARY);
  });

  it('reports a secret that is set twice, an empty file and a missing file', () => {
    const both = { ...PAIR, CXONE_CLIENT_SECRET_FILE: '/f' };
    expect(listProblems(both, () => 'y')).toEqual([expect.stringContaining('both set')]);
    const file = { CRM_SYNC_TOKEN_FILE: '/f' };
    expect(listProblems(file, () => '\n')).toEqual([expect.stringContaining('empty file')]);
    expect(listProblems({ CRM_SYNC_TOKEN_FILE: '/not/there' })).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('prefers the credentials of the family to the common ones, and reports half a pair', () => {
    const own = { CXONE_EMAIL_CLIENT_ID: 'mailer', CXONE_EMAIL_CLIENT_SECRET: 'm' };
    const { families } = loadConfig({ ...PAIR, ...own }).cxone;
    expect([families.email.clientId, families.lists.clientId]).toEqual(['mailer', 'the-client']);
    expect(listProblems({ ...PAIR, CXONE_EMAIL_CLIENT_ID: 'mailer' })).toHaveLength(1);
    expect(listProblems({ CXONE_CLIENT_SECRET: 'x' })).toEqual([
      expect.stringMatching(/^CXONE_CLIENT_ID is missing/),
    ]);
  });

  it('keeps the name of the tenant when its client, secret or addresses change', () => {
    const tenantOf = (env: Record<string, string>) => loadConfig({ ...PAIR, ...env }).cxone.tenant;
    expect(tenantOf({ CXONE_TENANT: 'acme' })).toBe('acme');
    const rotated = { CXONE_CLIENT_ID: 'other', CXONE_CLIENT_SECRET: 'new', CXONE_REGION: 'us' };
    expect(tenantOf({ CXONE_TENANT: 'acme', ...rotated, CXONE_CONTACTLISTS_URL: 'https://x.example' })).toBe(
      'acme',
    );
    expect(tenantOf({}), 'tenant without a name').toBeNull();
    expect(tenantOf({ CXONE_API_URL: 'http://127.0.0.1:1' })).toBe('simulator');
    expect(tenantOf({ CXONE_API_URL: 'http://127.0.0.1:1', CXONE_TENANT: 'acme' })).toBe('acme');
    expect(listProblems({ CXONE_TENANT: 'a/b' })).toEqual([
      expect.stringMatching(/^CXONE_TENANT must start with/),
    ]);
  });
});

describe('problems', () => {
  it('reports all of them at once, each with its variable and a remedy', () => {
    const problems = listProblems({
      CXONE_API_URL: 'http://127.0.0.1:1/path',
      CXONE_REGION: 'mars',
      CXONE_CLIENT_ID: 'x',
      DATABASE_URL: 'mysql://x',
      CXFLOW_RATE_PER_MINUTE: '-1',
      CXFLOW_MAX_IN_FLIGHT: '0',
      CXFLOW_SEARCH_ATTRIBUTES: 'maybe',
      CXONE_DUPLICATES_REFUSED: 'perhaps',
    });
    expect(problems.map((line) => line.split(' ')[0])).toEqual([
      'CXONE_API_URL',
      'CXONE_REGION',
      'CXONE_CLIENT_SECRET',
      'CXONE_DUPLICATES_REFUSED',
      'DATABASE_URL',
      'CXFLOW_SEARCH_ATTRIBUTES',
      'CXFLOW_RATE_PER_MINUTE',
      'CXFLOW_MAX_IN_FLIGHT',
    ]);
    for (const line of problems) expect(line).toMatch(/: .{8,}/);
  });

  it('returns settings or throws ConfigError for any values, and never quotes a secret', () => {
    const names = [
      ...[
        'CXONE_API_URL',
        'CXONE_REGION',
        'CXONE_LISTS_URL',
        'CXONE_INSTANCE',
        'CRM_WEBHOOK_URL',
        'DATABASE_URL',
      ],
      ...['CXFLOW_RATE_PER_MINUTE', 'CXONE_DUPLICATES_REFUSED'],
    ];
    const env = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.string(), fc.webUrl(), fc.integer().map(String)),
    );
    fc.assert(
      fc.property(env, (values) => {
        const problems = listProblems({ ...values, ...PAIR });
        expect(problems.join()).not.toContain(CANARY);
      }),
    );
  });
});
