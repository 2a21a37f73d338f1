import { describe, expect, it } from 'vitest';
import { requireSimulator } from '../../src/cli/dev/demo-target.ts';

const simulator = () => Promise.resolve(true);
const tenant = (url: string) => Promise.resolve(url.startsWith('http://simulator'));

describe('the demo', () => {
  it('writes to a simulator: its own, that of the stack, or the one that CXONE_API_URL names', async () => {
    await requireSimulator({}, undefined);
    await requireSimulator({ CXONE_API_URL: 'https://tenant.example' }, 'http://127.0.0.1:4000', tenant);
    await requireSimulator({ CXONE_API_URL: 'http://simulator:8080' }, undefined, simulator);
  });

  it.each([
    [{ CXONE_API_URL: 'https://tenant.example' }, undefined, 'CXONE_API_URL'],
    [{ CXONE_API_URL: 'https://tenant.example' }, null, 'CXONE_API_URL'],
    [{}, null, 'without a simulator'],
    [{ DATABASE_URL: 'postgres://x', TEMPORAL_ADDRESS: 'y:7233' }, undefined, 'workers of another setup'],
    [
      { CXONE_API_URL: 'http://simulator:8080', CXONE_CONTACTLISTS_URL: 'https://tenant.example' },
      undefined,
      'CXONE_CONTACTLISTS_URL',
    ],
  ])('refuses %j with the stack simulator %s, which could reach a tenant', async (env, url, why) => {
    await expect(requireSimulator(env, url, tenant)).rejects.toThrow(why);
  });
});
