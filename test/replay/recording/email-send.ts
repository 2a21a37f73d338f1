/** Scenarios of the email send. */
import { type EmailSendInput, emailSend } from '../../../src/contract/email-send.ts';
import { TASK_QUEUE } from '../../../src/contract/run.ts';
import { type Stand, untilPhase } from '../../faults/stand.ts';
import { cancelInTemporal, end, type Scenario, signal, steerThrough } from './scenario.ts';

/** Of nobody, and not like an address of the recipients. */
const MESSAGE = {
  subject: 'News',
  templateId: '0a1b2c3d-0000-4000-8000-00000000beef',
  senderAddress: 'news@shop.test',
};
const MESSAGES = { method: 'POST', family: 'email', path: '/messages$' } as const;

async function start(stand: Stand, input: Partial<EmailSendInput> = {}, rows = 120): Promise<string> {
  const recipients = Array.from({ length: rows }, (_, n) => ({ email: `p${n}@example.com` }));
  const { source } = await stand.client().stageRows(recipients);
  const args: EmailSendInput = { message: MESSAGE, source, channelConsent: 'ignore', ...input };
  const workflowId = `${emailSend.stem}-recorded`;
  await stand
    .client()
    .temporal.workflow.start(emailSend.kind, { taskQueue: TASK_QUEUE, workflowId, args: [args] });
  return workflowId;
}

export const EMAIL_SENDS: readonly Scenario[] = [
  {
    name: 'email-send-completed',
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    // Everybody's first message bounces temporarily.
    name: 'email-send-retried',
    run: async (stand) => {
      await stand.admin.setEmailPlan({ recipients: [{ does: 'soft', times: 1 }] });
      const runId = await start(stand, { retryAfter: '5s' });
      await untilPhase(stand, runId, 'tracking');
      await signal(stand, runId, 'pause', { reason: 'lunch' });
      await untilPhase(stand, runId, 'paused');
      await signal(stand, runId, 'resume');
      return end(stand, runId);
    },
  },
  {
    // The first share is too small to be found good.
    name: 'email-send-canary',
    run: async (stand) => {
      const runId = await start(stand, { canary: 50, canaryWait: '2s' });
      await untilPhase(stand, runId, 'paused');
      await signal(stand, runId, 'resume');
      return end(stand, runId);
    },
  },
  {
    name: 'email-send-steered',
    run: async (stand) => steerThrough(stand, await start(stand, { approval: true })),
  },
  {
    name: 'email-send-in-doubt',
    faults: [{ match: MESSAGES, times: 1, fault: { reset: 'after' } }],
    run: async (stand) => {
      const runId = await start(stand);
      await untilPhase(stand, runId, 'in_doubt');
      await signal(stand, runId, 'resolve', { verdict: 'resend' });
      return end(stand, runId);
    },
  },
  {
    name: 'email-send-cancelled-in-temporal',
    run: async (stand) => {
      await stand.admin.setEmailPlan({ jobs: [{ ends: 'stuck' }] });
      const runId = await start(stand);
      await untilPhase(stand, runId, 'tracking');
      await cancelInTemporal(stand, runId);
      return end(stand, runId);
    },
  },
  {
    name: 'email-send-opted-out',
    run: async (stand) => {
      const complaint = [{ address: '^p1@', does: 'complaint' as const }];
      await stand.admin.setEmailPlan({ recipients: complaint });
      return end(stand, await start(stand));
    },
  },
];
