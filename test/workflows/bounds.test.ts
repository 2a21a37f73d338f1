/** Temporal limits the size of everything in a history. Neither long texts nor a large run may exceed these limits. */
import type { WorkflowHandle } from '@temporalio/client';
import { expect, it } from 'vitest';
import { MAX_FAILURE_LENGTH } from '../../src/contract/failures.ts';
import { MAX_LISTED_IN_DOUBT, type Progress } from '../../src/contract/steering.ts';
import { registerSearchAttributes } from '../../src/worker/search-attributes.ts';
import { eventually } from '../harness/wait.ts';
import {
  fatalFailure,
  getFailure,
  runImport,
  settledPage,
  stubActivities,
  type TestServer,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const getProgress = (handle: WorkflowHandle): Promise<Progress> => handle.query<Progress>('progress');

/** A failing workflow task is repeated for ever, and the run makes no progress. */
async function expectNoFailedTask(handle: WorkflowHandle): Promise<void> {
  const { events } = await handle.fetchHistory();
  const failed = (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: task }) => task?.cause ?? []);
  expect(failed).toEqual([]);
}

it.each(['x'.repeat(500), 'ü'.repeat(500), '\ud83d\ude00'.repeat(250)])(
  'a long name of an operator (%#) does not stop the run that it steers',
  async (by) => {
    const stubs = stubActivities();
    await runImport(server(), stubs, { approval: true }, async (handle) => {
      await waitForPhase(stubs, 'awaiting_approval');
      await handle.signal('pause', { by });
      await handle.signal('pause', { by });
      await handle.signal('resume', { by });
      await handle.signal('approve', { by, reason: by });
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      await expectNoFailedTask(handle);
      const summaries = await readSummaries(handle);
      expect(summaries.some((summary) => /^"pause by .*…"$/.test(summary))).toBe(true);
      for (const summary of summaries)
        expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES);
    });
  },
);

/** The limit of Temporal (limit.userMetadataSummarySize), which some versions of the server enforce. */
const MAX_SUMMARY_BYTES = 400;

async function readSummaries(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const data = (events ?? []).map(({ userMetadata }) => userMetadata?.summary?.data ?? []);
  return data.map((bytes) => Buffer.from(bytes).toString());
}

it('a signal with a long unknown name is refused with a short one', async () => {
  const stubs = stubActivities();
  await runImport(server(), stubs, { approval: true }, async (handle) => {
    await waitForPhase(stubs, 'awaiting_approval');
    await handle.signal('ä'.repeat(450), { by: 'dana' });
    await eventually(async () => expect((await getProgress(handle)).refused).toHaveLength(1));
    const [refusal] = (await getProgress(handle)).refused;
    expect(refusal?.action).toHaveLength(100);
    await handle.signal('approve');
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    await expectNoFailedTask(handle);
  });
});

it('a requestedBy with many bytes does not end the run: the search attribute is shortened', async () => {
  await registerAttributes(server());
  const stubs = stubActivities({ openRun: () => ({ searchAttributes: true, hasSubscriber: false }) });
  for (const requestedBy of ['r'.repeat(200), 'ü'.repeat(200), '\ud83d\ude00'.repeat(100)]) {
    await runImport(server(), stubs, { requestedBy }, async (handle) => {
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      await expectNoFailedTask(handle);
    });
  }
});

it('a longer requestedBy is refused before the run is in the ledger', async () => {
  const stubs = stubActivities({
    openRun: () => {
      throw new Error('must not be opened');
    },
  });
  for (const requestedBy of ['r'.repeat(5_000), 'ü'.repeat(50_000)]) {
    await runImport(server(), stubs, { requestedBy }, async (handle) => {
      const { type, message } = await getFailure(handle);
      expect(type).toBe('InvalidInput');
      expect(message).toMatch(/^requestedBy must have at most 200 characters/);
    });
  }
});

async function registerAttributes({ connection, namespace }: TestServer): Promise<void> {
  const registered = await registerSearchAttributes(connection, namespace, 'auto', (warning) => {
    throw new Error(warning);
  });
  expect(registered).toBe(true);
}

it('a failure with a megabyte of text ends the run with its beginning', async () => {
  const message = `too many problems: ${'x'.repeat(1_000_000)}`;
  const stubs = stubActivities();
  await runImport(server(), stubs, { listId: 'x/'.repeat(500_000) }, async (handle) => {
    const failure = await getFailure(handle);
    expect(failure.type).toBe('InvalidInput');
    expect(failure.message.length).toBeLessThanOrEqual(MAX_FAILURE_LENGTH);
  });
  await runImport(
    server(),
    stubActivities({
      planWrites: () => {
        throw fatalFailure('SourceUnreadable', message);
      },
    }),
    {},
    async (handle) => {
      const failure = await getFailure(handle);
      expect(failure.type).toBe('SourceUnreadable');
      expect(failure.message.length).toBeLessThanOrEqual(MAX_FAILURE_LENGTH);
      expect(failure.message).toMatch(/^too many problems: x+/);
    },
  );
});

const MANY = 250;

/** More writes are in doubt than a history lists; each is resolved on its own. */
function stubManyInDoubt() {
  const open = new Set(Array.from({ length: MANY }, (_, n) => String(1_000 + n)));
  return stubActivities({
    planned: { batches: 1, toWrite: 100 },
    writePage: () => settledPage({ total: 100, pending: 0, created: 100 }),
    listInDoubt: (_runId, id) =>
      [...open]
        .filter((each) => id === undefined || each === id)
        .slice(0, MAX_LISTED_IN_DOUBT)
        .map((each) => ({ id: each, batch: 1, records: 100, sentAt: null, knownSent: true, resent: false })),
    resolveInDoubt: ({ decision: { writeId } }) => {
      if (writeId === undefined) open.clear();
      else open.delete(writeId);
      return 1;
    },
  });
}

it('an operator can decide about a write in doubt that is not listed, but not about any other write', async () => {
  const stubs = stubManyInDoubt();
  await runImport(server(), stubs, {}, async (handle) => {
    await waitForPhase(stubs, 'in_doubt');
    expect((await getProgress(handle)).waitingFor).toBe('a decision about 100 or more writes in doubt');
    const leave = { action: 'resolve', verdict: 'leave', by: 'dana' };
    const refusals: readonly [string, RegExp][] = [
      ['9999', /^write 9999 is not in doubt; cxflow show lists those that are$/],
      ['12x', /^write 12x is not in doubt; these are: 1000, .*, 1019, … and 80 more$/],
    ];
    for (const [writeId, why] of refusals) {
      const decided = handle.executeUpdate('decide', { args: [{ ...leave, writeId }] });
      const message = expect.stringMatching(why) as string;
      await expect(decided).rejects.toMatchObject({ cause: { message } });
    }
    await handle.executeUpdate('decide', { args: [{ ...leave, writeId: '1249' }] });
    await handle.executeUpdate('decide', { args: [leave] });
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });
  const decided = stubs.named('resolveInDoubt') as { decision: { writeId?: string } }[];
  expect(decided.map(({ decision }) => decision.writeId)).toEqual(['1249', undefined]);
});
