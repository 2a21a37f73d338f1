import { describe, expect, it } from 'vitest';
import { SETTINGS, serverOf, variablesOf } from '../../src/config/catalogue.ts';
import { withoutServers, withServers } from '../../src/stack/environment.ts';

const STACK = {
  DATABASE_URL: 'postgres://stack',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  TEMPORAL_NAMESPACE: 'default',
  CXONE_API_URL: 'http://127.0.0.1:2',
  CXONE_CLIENT_ID: 'simulator',
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
};

/** Settings that name a server or how to reach it. All others are passed on, whoever starts the servers. */
const OF_SERVERS =
  /^(DATABASE_URL|TEMPORAL_(ADDRESS|NAMESPACE)|CXONE_(API_URL|TENANT|REGION|LISTS_REGION|INSTANCE|BASE_URL|INSTANCE_URL|ENV_URL|([A-Z]+_)?(URL|TOKEN_URL|CLIENT_ID|CLIENT_SECRET)))(_FILE)?$/;

describe('the environment of a stack', () => {
  const variables = SETTINGS.flatMap(variablesOf);

  it.each(variables)('passes %s on, or replaces it together with the others of its server', (name) => {
    const names = OF_SERVERS.test(name);
    expect(serverOf(name) !== null).toBe(names);
    const found = withServers({ [name]: 'own' }, STACK);
    // A variable that names a server keeps it; the others of a server that nobody names make way.
    const isKept = !names || /^(DATABASE_URL(_FILE)?|TEMPORAL_ADDRESS|CXONE_API_URL)$/.test(name);
    expect(found[name] === 'own').toBe(isKept);
  });

  it('takes all settings of a server from one side', () => {
    const own = { CXONE_API_URL: 'http://own', CXONE_LISTS_URL: 'http://lists', TEMPORAL_API_KEY: 'key' };
    const found = withServers({ ...own, OTHER: 'o' }, STACK);
    expect(found).toMatchObject({ CXONE_API_URL: 'http://own', CXONE_LISTS_URL: 'http://lists', OTHER: 'o' });
    expect(found).not.toHaveProperty('CXONE_CLIENT_ID');
    expect(found).not.toHaveProperty('TEMPORAL_API_KEY');
    expect(found).toMatchObject({ TEMPORAL_ADDRESS: '127.0.0.1:1', DATABASE_URL: 'postgres://stack' });
  });

  it('counts an empty variable as unset, and keeps the address of the Web UI', () => {
    const env = { DATABASE_URL: '', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: '', TEMPORAL_UI_URL: 'http://ui' };
    expect(withServers(env, STACK)).toEqual({ ...STACK, TEMPORAL_UI_URL: 'http://ui' });
    expect(withServers({ CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'false' }, STACK)).toMatchObject({
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'false',
    });
  });

  it('can be left out altogether', () => {
    expect(withoutServers({ ...STACK, TEMPORAL_TLS: 'true', PATH: '/bin' })).toEqual({
      CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
      PATH: '/bin',
    });
  });
});
