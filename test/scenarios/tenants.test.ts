/** A ledger belongs to one tenant. It accepts a new OAuth client of that tenant, and refuses a second tenant. */
import { expect, it } from 'vitest';
import { csv, rows } from './contacts.ts';
import { type Env, useStand } from './stand.ts';

const onStand = useStand();

it('worker, commands and doctor refuse a second tenant, but accept a rotated OAuth client', async () => {
  await onStand({}, async (stand) => {
    const { client, cxflow, start } = stand;
    expect(await client.ledger.tenant.find()).toBe('simulator');
    const other: Env = { CXONE_TENANT: 'acme' };
    const worker = start(['worker'], other);
    expect(await worker.exited).toMatchObject({ code: 1 });
    const refusal =
      /belongs to the tenant simulator.*the tenant acme\n +→ use a database of its own for acme/;
    expect(worker.stderr()).toMatch(refusal);
    const runs = await cxflow(['runs'], other);
    expect(runs).toMatchObject({ code: 1, stdout: '' });
    expect(runs.stderr).toMatch(refusal);
    const doctor = await cxflow(['doctor'], other);
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/problem +tenant +this ledger belongs to the tenant simulator/);

    await stand.worker.terminate();
    const rotated = start(['worker'], {
      CXONE_CLIENT_ID: 'rotated',
      CXONE_CLIENT_SECRET: 'another',
      // With a rate limit, so that there is a budget to show under which tenant the worker runs.
      CXFLOW_RATE_PER_MINUTE: '6000',
    });
    await rotated.waitFor(/worker is ready/);
    stand.file('contacts.csv', csv(rows(1, 3)));
    const imported = await stand.json(['contacts', 'import', 'contacts.csv', '--list', 'L1']);
    expect(imported.code).toBe(0);
    await stand.conserved((imported.document as { runId: string }).runId, { state: 'completed' });
    const budgets = await client.ledger.rateBudget.list();
    expect(budgets.map(({ tenant }) => tenant)).toEqual(['simulator']);
    await rotated.terminate();
  });
});

it('a worker without a tenant name says what to set, unless it uses a simulator', async () => {
  await onStand({}, async ({ start, cxflow }) => {
    const real: Env = { CXONE_API_URL: '', CXONE_REGION: 'us' };
    const worker = start(['worker'], real);
    expect(await worker.exited).toMatchObject({ code: 2 });
    expect(worker.stderr()).toMatch(/the CXone tenant has no name\n +→ set CXONE_TENANT/);
    const runs = await cxflow(['runs'], real);
    expect(runs, 'a command that only reads needs no CXone settings').toMatchObject({ code: 0 });
  });
});
