/** Retries of rejected and cancelled rows, by the command line and by any Temporal client. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { type Stand, useStand } from './stand.ts';

const onStand = useStand();

it('a retry writes what CXone refused, in a new run that names the original one', async () => {
  await onStand({}, async (stand) => {
    const file = [...rows(1, 5), rowAt(6, { optInStatus: 'maybe' })];
    stand.file('contacts.csv', csv(file).replace(/^contactId/, 'Customer'));
    await stand.admin.setFaults([{ match: { method: 'POST', path: '/records$' }, fault: { status: 400 } }]);
    const args = ['contacts', 'import', 'contacts.csv', '--list', 'L1', '--map', 'contactId=Customer'];
    const first = await stand.cxflow(args);
    expect(first.code, first.stdout + first.stderr).toBe(3);
    const [, parent = ''] = /contacts import --retry-of (\S+)/.exec(first.stdout) ?? [];
    expect(await stand.conserved(parent), first.stdout).toEqual({
      total: 6,
      pending: 0,
      rejected: 5,
      invalid: 1,
    });
    await stand.admin.setFaults([]);

    const retried = await stand.json<ContactImportResult>(['contacts', 'import', '--retry-of', parent]);
    const { runId, retryOf, counts } = retried.document;
    expect({ code: retried.code, retryOf, counts }).toEqual({
      code: 0,
      retryOf: parent,
      counts: { total: 5, pending: 0, created: 5 },
    });
    expect(runId).not.toBe(parent);
    await stand.conserved(runId);
    expect((await stand.cxflow(['show', parent])).stdout).toMatch(new RegExp(`retried by +${runId}`));
    expect((await stand.cxflow(['show', runId])).stdout).toMatch(new RegExp(`retry of +${parent}`));
    await expectSecondRetryRefused(stand, parent, runId);
  });
});

/** The same retry is the same run, for other clients a failure; retrying a run that left nothing is a usage error. */
async function expectSecondRetryRefused(stand: Stand, parent: string, runId: string): Promise<void> {
  const [same, nothing] = await Promise.all([
    stand.cxflow(['contacts', 'import', '--retry-of', parent]),
    stand.cxflow(['contacts', 'import', '--retry-of', runId]),
  ]);
  expect(same.stdout).toContain(`nothing was started, because run ${runId}`);
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('left nothing to retry')]);
  const { workflow } = stand.client.temporal;
  const options = { taskQueue: 'cxflow', workflowId: 'retry-of-another-client' };
  const input = { listId: 'L1', source: { retryOf: parent } };
  const failed: unknown = await workflow
    .execute('contactImport', { ...options, args: [input] })
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({
    cause: { type: 'AlreadyRun', message: expect.stringContaining(runId) as string },
  });
  expect(await stand.admin.journal({ list: 'L1' }), 'contacts in CXone').toHaveLength(5);
}

it('any Temporal client can retry what a cancelled run did not write', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 4)));
    const waits = [
      'contacts',
      'import',
      'contacts.csv',
      '--list',
      'L2',
      '--approval',
      '--id',
      'contact-import:old',
    ];
    expect((await stand.cxflow([...waits, '--detach'])).code).toBe(0);
    expect((await stand.cxflow(['cancel', 'contact-import:old'])).code).toBe(0);
    expect((await stand.cxflow(['watch', 'contact-import:old'])).stdout).toContain(
      '--retry-of contact-import:old',
    );
    await stand.conserved('contact-import:old', { state: 'cancelled' });
    const result: unknown = await stand.client.temporal.workflow.execute('contactImport', {
      taskQueue: 'cxflow',
      workflowId: 'by-hand',
      args: [{ listId: 'L2', source: { retryOf: 'contact-import:old' } }],
    });
    expect(result).toMatchObject({
      retryOf: 'contact-import:old',
      counts: { total: 4, pending: 0, created: 4 },
    });
    await stand.conserved('by-hand', { isListShared: true });
  });
});
