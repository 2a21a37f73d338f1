/** What `connect` refuses: the ledger of another tenant, and statements without a limit. */
import { expect, inject, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client.ts';
import { ConfigError } from '../../src/config/config.ts';
import { OtherTenant } from '../../src/ledger/tenant.ts';
import { ledgerOfFile } from '../ledger/harness.ts';

const opened = ledgerOfFile();

const connectAs = async (tenant: Readonly<Record<string, string>>, databaseUrl = opened().url) => {
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), ...tenant };
  const client = await connect({ databaseUrl, env });
  onTestFinished(() => client.close());
  return client;
};

it('a service for one tenant does not get the ledger of another; one that names none does', async () => {
  await opened().ledger.tenant.register('acme');
  await expect(connectAs({ CXONE_TENANT: 'other' })).rejects.toThrow(OtherTenant);
  await expect(connectAs({ CXONE_API_URL: 'http://127.0.0.1:1' })).rejects.toThrow(/the tenant simulator/);
  for (const tenant of [{ CXONE_TENANT: 'acme' }, {}])
    expect(await (await connectAs(tenant)).ledger.tenant.find()).toBe('acme');
});

it.each(['0', '5min'])('a service may not give its statements a timeout of %s', async (timeout) => {
  const url = new URL(opened().url);
  url.searchParams.set('statement_timeout', timeout);
  await expect(connectAs({}, url.href)).rejects.toThrow(ConfigError);
  await expect(connectAs({}, url.href)).rejects.toThrow(/statement_timeout of 1 to 600000/);
});
