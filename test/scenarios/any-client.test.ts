/** Runs started by other Temporal clients: the `temporal` command, and an SDK that knows nothing of cxflow. */
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { ListLoadResult } from '../../src/contract/list-load.ts';
import type { Progress } from '../../src/contract/steering.ts';
import { runCommand } from '../../src/stack/commands.ts';
import { findTemporal } from '../../src/stack/temporal-binary.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { leads, phoneOf } from './leads.ts';
import { type Env, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

async function temporal({ env }: Stand, ...args: string[]): Promise<string> {
  const { TEMPORAL_ADDRESS = '', TEMPORAL_NAMESPACE = '' } = env;
  const server = ['--address', TEMPORAL_ADDRESS, '--namespace', TEMPORAL_NAMESPACE];
  return runCommand({ file: await findTemporal(), args: [...args, ...server], timeoutMs: 60_000 });
}

async function withRawClient(env: Env, use: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS ?? '' });
  try {
    await use(new Client({ connection, namespace: env.TEMPORAL_NAMESPACE ?? '' }));
  } finally {
    await connection.close();
  }
}

const startOf = (workflowId: string, input: unknown) =>
  ({ taskQueue: 'cxflow', workflowId, args: [input] }) as const;

it('the temporal command starts an import of a file below the source folder', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', csv([...rows(1, 120), rowAt(121, { phone: '12' })]));
    const input = JSON.stringify({ listId: 'L1', source: { path: 'contacts.csv' }, requestedBy: 'crm' });
    const run = ['--task-queue', 'cxflow', '--type', 'contactImport', '--workflow-id', 'nightly-1'];
    const output = await temporal(stand, 'workflow', 'execute', ...run, '--input', input, '--output', 'json');
    const { status, result } = JSON.parse(output) as { status: string; result: ContactImportResult };
    expect(status).toBe('COMPLETED');
    expect(result).toMatchObject({
      runId: 'nightly-1',
      kind: 'contactImport',
      state: 'completed',
      counts: { total: 121, pending: 0, created: 120, invalid: 1 },
    });
    await stand.conserved('nightly-1', { result });
    // For the command line it is a run like any other.
    expect((await stand.cxflow(['watch', 'nightly-1'])).code).toBe(3);
  });
});

it('a client without cxflow starts a list load of a file, and suppresses nobody by a path', async () => {
  await onStand({}, async (stand) => {
    await stand.admin.seedSuppressions({ entries: [{ phoneNumber: phoneOf(7) }] });
    stand.file('leads.csv', csv([...leads(1, 20), ...leads(1, 5)]));
    stand.file('history.csv', csv([{ phone: phoneOf(8) }]));
    const input = { listId: 'L7', campaignId: 'C7', source: { path: 'leads.csv' }, requestedBy: 'crm' };
    await withRawClient(stand.env, async (client) => {
      for (const [index, suppress] of [{ path: 'history.csv' }, 'history.csv'].entries()) {
        const failure = await failureOf(
          client.workflow.execute('listLoad', startOf(`load-${index}`, { ...input, suppress })),
        );
        // A dataset, which only the TypeScript client can stage.
        expect(failure.message).toMatch(index === 0 ? /suppress must be/ : /dataset history\.csv is not/);
      }
      await stand.conserved('load-1', { state: 'failed' });
      expect(await stand.admin.itemJournal('L7')).toEqual([]);
      const ended: unknown = await client.workflow.execute('listLoad', startOf('load-2', input));
      const result = ended as ListLoadResult;
      expect(result).toMatchObject({
        runId: 'load-2',
        kind: 'listLoad',
        state: 'completed',
        counts: { total: 25, pending: 0, created: 19, duplicate: 5, suppressed: 1 },
        capacity: { before: 0, after: 19 },
      });
      await stand.conserved('load-2', { result });
    });
  });
});

/** Invalid inputs, and what the message of each failure contains. */
const INVALID: readonly (readonly [input: unknown, messages: readonly RegExp[]])[] = [
  [
    { list: 'L2', source: { path: 'a.csv', tab: 1 }, existing: 'replace', approval: 'yes' },
    [
      /listId is missing/,
      /list is not a field/,
      /source\.tab is not a field/,
      /existing must be/,
      /approval must be/,
    ],
  ],
  [
    { listId: 'L/2', source: {} },
    [/listId must be an id/, /source must have exactly one of path, dataset, retryOf/],
  ],
  [{ listId: 'L2', source: { url: 'https://example.com/a.csv' } }, [/source cannot be a "url"/]],
  ['contacts.csv', [/must be one JSON object/]],
];

it('an invalid input fails at once, and the failure names each invalid field', async () => {
  await onStand({}, async ({ env, admin, client: { ledger } }) => {
    await withRawClient(env, async (client) => {
      for (const [index, [input, messages]] of INVALID.entries()) {
        const failure = await failureOf(
          client.workflow.execute('contactImport', startOf(`wrong-${index}`, input)),
        );
        expect(failure.type).toBe('InvalidInput');
        for (const pattern of messages) expect(failure.message).toMatch(pattern);
      }
    });
    const runs = await ledger.runs.list(100);
    expect(
      runs.filter(({ run_id: id }) => id.startsWith('wrong')),
      'runs of invalid inputs',
    ).toEqual([]);
    expect((await admin.stats()).requests).toEqual({});
  });
});

it('a file outside the source folder, or none at all, is refused without a request', async () => {
  await onStand({}, async (stand) => {
    await withRawClient(stand.env, async (client) => {
      const paths = ['/etc/hostname.csv', '../contacts.csv', 'nothing.csv'];
      for (const [index, path] of paths.entries()) {
        const input = { listId: 'L3', source: { path } };
        const failure = await failureOf(
          client.workflow.execute('contactImport', startOf(`outside-${index}`, input)),
        );
        expect(failure.type).toBe('SourceUnreadable');
        expect(failure.message).toMatch(
          path === 'nothing.csv'
            ? /no such file/
            : /is not in the worker's source folder \(CXFLOW_SOURCE_DIR\)/,
        );
        expect(failure.message, 'paths in the message').not.toContain(stand.folder);
        await stand.conserved(`outside-${index}`, { state: 'failed' });
      }
    });
    expect((await stand.admin.stats()).requests).toEqual({});
  });
});

it('a client without cxflow can use signals, the progress query and search attributes by name', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 120)));
    await withRawClient(stand.env, async (client) => {
      const input = { listId: 'L4', source: { path: 'contacts.csv' }, approval: true, requestedBy: 'crm' };
      const handle = await client.workflow.start('contactImport', startOf('raw-1', input));
      const progress = () => handle.query<Progress>('progress');
      const waiting = await until(progress, ({ phase }) => phase === 'awaiting_approval');
      expect(waiting).toMatchObject({ runId: 'raw-1', counts: { total: 120, pending: 120 }, refused: [] });
      expect(waiting.waitingFor).toContain(waiting.planHash);

      await handle.signal('approve', { by: 'dana', planHash: 'ffffffffffffffff' });
      await handle.signal('resume');
      const { refused } = await until(progress, (now) => now.refused.length === 2);
      expect(refused.map(({ action, by }) => [action, by])).toEqual([
        ['approve', 'dana'],
        ['resume', null],
      ]);
      await untilListed(client, 'CxflowPhase = "awaiting_approval" and CxflowRequestedBy = "crm"');

      await handle.signal('approve', { by: 'dana' });
      const result = (await handle.result()) as ContactImportResult;
      expect(result.counts).toEqual({ total: 120, pending: 0, created: 120 });
      await untilListed(
        client,
        'CxflowKind = "contactImport" and CxflowTarget = "L4" and CxflowPhase = "done"',
      );
      // The campaign does not exist, but its reading is listed, unless the documented filter leaves it out.
      await client.workflow
        .execute('campaignSelection', startOf('helper-1', { campaignId: 'none' }))
        .catch(() => undefined);
      await untilListed(client, 'WorkflowType = "campaignSelection"');
      const runs = await idsOf(client, 'CxflowKind IS NOT NULL');
      expect([runs.includes('raw-1'), runs.includes('helper-1')]).toEqual([true, false]);
      await stand.conserved('raw-1', { result });
      const summaries = await summariesOf(client, 'raw-1');
      expect(summaries).toEqual(
        expect.arrayContaining([
          'Contact import to list L4',
          'read the source for L4',
          'batches 1–2 of 2',
          'completed',
        ]),
      );
      const history = JSON.stringify(await handle.fetchHistory());
      for (const { phone, firstName } of [rowAt(1), rowAt(120)]) {
        expect(history, 'phone numbers in the history').not.toContain(phone);
        expect(history).not.toContain(firstName);
      }
    });
  });
});

it('a run that is cancelled in Temporal settles; one that is terminated continues when started again', async () => {
  const slow = { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '1' } };
  await onStand(slow, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 3_000)));
    await withRawClient(stand.env, async (client) => {
      const startWriting = async (workflowId: string, listId: string) => {
        const input = { listId, source: { path: 'contacts.csv' } };
        const handle = await client.workflow.start('contactImport', startOf(workflowId, input));
        await until(
          () => stand.admin.journal({ list: listId }),
          (entries) => entries.length > 0,
        );
        return handle;
      };
      const cancelled = await startWriting('raw-cancelled', 'L5');
      await cancelled.cancel();
      expect((await stand.cxflow(['watch', 'raw-cancelled'])).code).toBe(4);
      expect((await cancelled.describe()).status.name).toBe('CANCELLED');
      await stand.conserved('raw-cancelled', { state: 'cancelled', isListShared: true });

      const terminated = await startWriting('raw-terminated', 'L6');
      await terminated.terminate('by accident');
      const watched = await stand.cxflow(['watch', 'raw-terminated']);
      expect(watched.code).toBe(1);
      expect(watched.stdout).toMatch(
        /ended without closing the run.*by accident.*start it again under its id/,
      );
      await stand.admin.change({ latencyMs: 0 });
      const result = (await (await startWriting('raw-terminated', 'L6')).result()) as ContactImportResult;
      const { existing = 0, ...counts } = result.counts;
      // The batch that was in flight when the run was terminated may have been created without an answer that counted.
      expect([0, 100]).toContain(existing);
      expect(counts).toEqual({ total: 3_000, pending: 0, created: 3_000 - existing });
      await stand.conserved('raw-terminated', { result, isListShared: true });
    });
  });
});

async function failureOf(execution: Promise<unknown>): Promise<{ type?: string | null; message: string }> {
  const error = await execution.then(
    () => expect.fail('it did not fail'),
    (reason: unknown) => reason as Error,
  );
  return error.cause as Error & { type?: string };
}

/** Polls, because Temporal's visibility is eventually consistent. */
async function untilListed(client: Client, query: string): Promise<void> {
  await until(
    () => client.workflow.count(query),
    ({ count }) => count === 1,
  );
}

async function idsOf(client: Client, query: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

async function summariesOf(client: Client, workflowId: string): Promise<readonly string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ userMetadata }) =>
    userMetadata?.summary ? [defaultPayloadConverter.fromPayload<string>(userMetadata.summary)] : [],
  );
}
