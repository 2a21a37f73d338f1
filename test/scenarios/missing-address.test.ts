/** A worker starts without what no operation has needed yet (docs/deployment.md#settings). */
import { expect, it } from 'vitest';
import { type PrintedUpdate, useStand } from './stand.ts';

const onStand = useStand();

/** Where the family `outbound` has no address unless one is given. */
const EU = { CXONE_API_URL: '', CXONE_REGION: 'eu', CXONE_TENANT: 'simulator' };

it('a run without the address that it needs fails naming the setting, and continues once the workers have it', async () => {
  await onStand({ env: EU }, async (stand) => {
    await stand.admin.seedCampaign('C1', { contactSelection: { targetListIds: ['L1'] } });
    stand.file('change.json', JSON.stringify({ add: { targetListIds: ['L2'] } }));
    const update = () =>
      stand.json<PrintedUpdate>(['selection', 'update', 'C1', 'change.json', '--id', 'update-1']);

    const failed = await update();
    expect(failed.code).toBe(1);
    expect(failed.document.failure).toMatchObject({ type: 'CredentialsRefused' });
    expect(failed.document.failure?.message).toContain('set CXONE_INSTANCE or CXONE_OUTBOUND_URL');
    await stand.conserved('update-1', { state: 'failed' });
    expect((await stand.admin.stats()).requests).toEqual({});

    await stand.worker.terminate();
    const worker = stand.start(['worker'], { ...EU, CXONE_OUTBOUND_URL: stand.simulatorUrl });
    await worker.waitFor(/worker is ready/);
    const continued = await update();
    expect(continued.document).toMatchObject({
      runId: 'update-1',
      state: 'completed',
      failure: null,
      counts: { total: 1, pending: 0, updated: 1 },
    });
    await stand.conserved('update-1', { result: continued.document });
    expect((await stand.admin.campaign('C1')).campaign?.contactSelection).toMatchObject({
      targetListIds: ['L1', 'L2'],
    });
    await worker.terminate();
  });
});
