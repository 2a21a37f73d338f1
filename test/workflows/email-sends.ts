/** What the tests of the workflow of an email send share. */
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, type Duration } from '@temporalio/common';
import { expect } from 'vitest';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import { eventually } from '../harness/wait.ts';
import { runWorkflow, type StubOverrides, type stubActivities, type TestServer } from './harness.ts';

const MESSAGE = {
  subject: 'News',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'news@example.com',
};

/** Runs an email send on this server. */
export function emailSendOn(server: () => TestServer) {
  return {
    send: <T>(
      stubs: ReturnType<typeof stubActivities>,
      input: Partial<EmailSendInput>,
      interact: (handle: WorkflowHandle) => Promise<T>,
    ) =>
      runWorkflow(
        server(),
        stubs,
        { type: 'emailSend', args: { message: MESSAGE, source: { dataset: 'ds' }, ...input } },
        interact,
      ),
    inSeconds: (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString(),
  };
}

/** Nothing more is expected of any job. */
export const ENDED: Tracked = {
  counts: { total: 350, pending: 0, invalid: 40, duplicate: 10, sent: 300 },
  isEnded: true,
  notBefore: null,
  policyBounces: 0,
  optOuts: 0,
};

/** As the activity fails while jobs are open. */
export const jobsOpen = (nextRetryDelay: Duration = '1 hour') =>
  ApplicationFailure.create({ type: 'JobsOpen', message: '3 jobs are open', nextRetryDelay });

/** While the run writes there is nothing to do, until `beside` says something else. */
export function tracking(
  atEnd: readonly Partial<Tracked>[] = [],
  beside: readonly Partial<Tracked>[] = [],
): StubOverrides {
  const [besides, ends] = [[...beside], [...atEnd]];
  return {
    trackMessages: (request: TrackMessages) => {
      const next = (request.beside ? besides : ends).shift();
      if (request.beside && next === undefined) throw jobsOpen();
      return { ...ENDED, ...next };
    },
  };
}

/**
 * Between two attempts. Only then the time-skipping server can cancel the activity (harness.ts), so its next attempt has to be
 * further away than the test lasts.
 */
export async function expectTrackingBetweenAttempts(handle: WorkflowHandle): Promise<void> {
  const { pendingActivities } = (await handle.describe()).raw;
  const tracking = pendingActivities?.find(({ activityType }) => activityType?.name === 'trackMessages');
  expect(tracking?.lastFailure?.applicationFailureInfo?.type).toBe('JobsOpen');
}

/** A run asks for writes in doubt right before it stops following its jobs beside the writes. */
export const stopTrackingBetweenAttempts = (server: () => TestServer): StubOverrides => ({
  async listInDoubt() {
    const { info } = Context.current();
    const handle = server().client.workflow.getHandle(info.workflowExecution?.workflowId ?? '');
    await eventually(async () => {
      Context.current().heartbeat();
      await expectTrackingBetweenAttempts(handle);
    });
    return [];
  },
});

export const pausedFor = (stubs: ReturnType<typeof stubActivities>) =>
  (stubs.named('steerRun') as { decision: { action: string; reason?: string } | null }[])
    .filter(({ decision }) => decision?.action === 'pause')
    .map(({ decision }) => decision?.reason);

export const pages = (stubs: ReturnType<typeof stubActivities>) =>
  (stubs.named('writePage') as { fromBatch: number }[]).map(({ fromBatch }) => fromBatch);
