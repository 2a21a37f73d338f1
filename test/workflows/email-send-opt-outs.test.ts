/** Opt-outs and complaints reach CXone's preferences, also if the run ends before its jobs. */
import { EventEmitter, once } from 'node:events';
import type { WorkflowHandle } from '@temporalio/client';
import { expect, it } from 'vitest';
import type { TrackMessages } from '../../src/activities/email-send/tracking.ts';
import { emailSendOn, jobsOpen, tracking } from './email-sends.ts';
import {
  fatalFailure,
  getFailure,
  type StubOverrides,
  stubActivities,
  useRealServer,
  waitForPhase,
} from './harness.ts';

const server = useRealServer();
const { send } = emailSendOn(server);

const MESSAGES = [
  [4, 1],
  [9, 1],
] as const;

/** The ledger has opt-outs to be handed over, once `areKnown`. */
function optedOut(areKnown: () => boolean = () => true): StubOverrides {
  let waiting = true;
  return {
    stageOptOuts: () =>
      waiting && areKnown() ? { dataset: 'ds_optouts', rows: 2, messages: MESSAGES } : null,
    markOptOutsSynced: () => {
      waiting = false;
    },
  };
}

const followsForEver: StubOverrides = {
  trackMessages: () => {
    throw jobsOpen();
  },
};

async function expectHandedOver(
  stubs: ReturnType<typeof stubActivities>,
  { workflowId: runId }: WorkflowHandle,
): Promise<void> {
  const update = server().client.workflow.getHandle(`${runId}.opt-outs-ds_optouts`);
  expect(await update.result()).toMatchObject({ state: 'completed' });
  expect(stubs.named('markOptOutsSynced')).toEqual([{ runId, messages: MESSAGES }]);
  const isClosing = ({ name, arg }: (typeof stubs.calls)[number]) =>
    name === 'closeRun' && (arg as { readonly runId: string }).runId === runId;
  const handedOver = stubs.calls.findIndex(({ name }) => name === 'markOptOutsSynced');
  expect(stubs.calls.findIndex(isClosing), 'closed after that').toBeGreaterThan(handedOver);
}

it('hands them over to a preference update of its own, which outlives the run', async () => {
  const stubs = stubActivities({ ...tracking([{ optOuts: 2, isEnded: false }, {}]), ...optedOut() });
  await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    await expectHandedOver(stubs, handle);
  });
});

// A moment of a few milliseconds, which not every run hits.
it('stops following beside the writes while an update is being started', { repeats: 3 }, async () => {
  const staging = new EventEmitter();
  const isStaged = once(staging, 'staged');
  const { stageOptOuts, ...others } = optedOut();
  const stubs = stubActivities({
    ...tracking([], [{ optOuts: 2 }]),
    ...others,
    stageOptOuts: (runId) => {
      staging.emit('staged');
      return stageOptOuts?.(runId);
    },
    // What the writes end with. It returns with the rows of the update, before the server has started it.
    listInDoubt: async () => {
      await isStaged;
      return [];
    },
  });
  await send(stubs, {}, async (handle) => {
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    await expectHandedOver(stubs, handle);
  });
});

const cancelByDecision = async (handle: WorkflowHandle) => {
  await handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] });
  expect(await handle.result()).toMatchObject({ state: 'cancelled' });
};
const cancelInTemporal = async (handle: WorkflowHandle) => {
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
};

it.each([
  ['by a decision', cancelByDecision],
  ['in Temporal', cancelInTemporal],
])('hands over those that its last events name if it is cancelled %s', async (_, cancel) => {
  const stubs: ReturnType<typeof stubActivities> = stubActivities({
    ...followsForEver,
    ...optedOut(() => stubs.named('endPending').length > 0),
  });
  await send(stubs, {}, async (handle) => {
    await waitForPhase(stubs, 'tracking');
    await cancel(handle);
    await expectHandedOver(stubs, handle);
  });
});

it('hands over those that are known if it fails', async () => {
  const stubs = stubActivities({
    trackMessages: ({ beside }: TrackMessages) => {
      throw beside ? jobsOpen() : fatalFailure('ScopeMissing', 'CXone: forbidden (403)');
    },
    ...optedOut(),
  });
  await send(stubs, {}, async (handle) => {
    expect(await getFailure(handle)).toMatchObject({ type: 'ScopeMissing' });
    await expectHandedOver(stubs, handle);
  });
});

it('is cancelled although handing them over fails for good', async () => {
  const stubs = stubActivities({
    ...followsForEver,
    stageOptOuts: () => {
      throw fatalFailure('LedgerRefused', 'the ledger refused rows of this run');
    },
  });
  await send(stubs, {}, async (handle) => {
    await waitForPhase(stubs, 'tracking');
    await cancelByDecision(handle);
  });
});
