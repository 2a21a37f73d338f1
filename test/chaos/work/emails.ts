/** One email send under chaos. */
import { expect } from 'vitest';
import type { EmailSendInput } from '../../../src/contract/email-send.ts';
import { addressOf, EMAIL_MESSAGE, expectNobodyTwice } from '../../faults/emails.ts';
import type { Stand } from '../../faults/stand.ts';
import type { EmailPlan } from '../plan.ts';
import type { Ended, Work } from './work.ts';

const NAME = 'chaos';

export async function startEmailSend(stand: Stand, plan: EmailPlan, approval: boolean): Promise<Work> {
  const { rows, suppressed } = plan;
  await stand.admin.setEmailPlan({ mixed: plan.mixed });
  await stand.admin.seedEmailSuppressions({
    entries: Array.from({ length: suppressed }, (_, n) => ({ email: addressOf(NAME, n) })),
  });
  const input = { ...(await prepare(stand, plan)), approval };
  const { runId } = await stand.client().startEmailSend(input, { runId: NAME });
  return {
    runIds: [runId],
    progress: async () => (await stand.admin.acceptedEmails()).length / (rows.valid - suppressed),
    // A message that is sent once more on purpose is another run.
    startAgain: null,
    check: async ([ended]) => {
      if (!ended) return;
      expectRightCounts(plan, ended);
      await expectNobodyTwice(stand, runId, NAME);
    },
  };
}

async function prepare(stand: Stand, { rows, onInDoubt }: EmailPlan): Promise<EmailSendInput> {
  const rowAt = (n: number) => ({ emailAddress: addressOf(NAME, n), firstName: `Person ${n}` });
  const { source } = await stand.client().stageRows([
    ...Array.from({ length: rows.valid }, (_, n) => rowAt(n)),
    ...Array.from({ length: rows.invalid }, (_, n) => ({ ...rowAt(n), emailAddress: `nobody ${n}` })),
    ...Array.from({ length: rows.duplicate }, (_, n) => ({
      ...rowAt(n),
      emailAddress: addressOf(NAME, n).toUpperCase(),
    })),
  ]);
  return {
    message: EMAIL_MESSAGE,
    source,
    channelConsent: 'ignore',
    retryAfter: '1s',
    retries: 1,
    pollDeadline: '20s',
    onInDoubt,
  };
}

/** Nobody is skipped. A cancelled run may not have staged all of its rows. */
function expectRightCounts(
  { rows, suppressed, idempotent }: EmailPlan,
  { state, counts, runId }: Ended,
): void {
  if (state === 'cancelled') return;
  const { sent = 0, in_doubt: inDoubt = 0 } = counts;
  expect(
    {
      sent: sent + inDoubt,
      ...{
        suppressed: counts.suppressed ?? 0,
        invalid: counts.invalid ?? 0,
        duplicate: counts.duplicate ?? 0,
      },
    },
    runId,
  ).toEqual({ sent: rows.valid - suppressed, suppressed, invalid: rows.invalid, duplicate: rows.duplicate });
  if (idempotent) expect(inDoubt, 'in doubt, although repeats are dropped').toBe(0);
}
