import { expect, inject, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client.ts';
import { OtherTenant } from '../../src/ledger/tenant.ts';
import { ledgerOfFile } from '../ledger/harness.ts';

const opened = ledgerOfFile();

const connectAs = async (tenant: Readonly<Record<string, string>>) => {
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), ...tenant };
  const client = await connect({ databaseUrl: opened().url, env });
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
