/**
 * The events about jobs (docs/cxone-contract.md#webhook-events): `email_job_completed` once a job is analysed, and
 * `email_job_updated` whenever that changes later. What an event says is kept without addresses when it is added, so every attempt
 * delivers the same, except that data subjects who have been erased since are left out.
 */
import { createHash } from 'node:crypto';
import { messageOf, emailSend as spec } from '../../contract/email-send.ts';
import type { WebhookAddresses } from '../../domain/email-address.ts';
import type { MessageState as FoldedState } from '../../domain/email-send/delivery.ts';
import type { AnnouncedContent, AnnouncedJob, JobMessage } from '../../ledger/emails/announcements.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { RunRef } from '../../ledger/fence.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import type { EmailSendDeps } from './settings.ts';

export const COMPLETED = 'email_job_completed';
export const UPDATED = 'email_job_updated';

/** Kept with the event; people are named by their place in the run. */
interface JobEntries extends AnnouncedJob {
  readonly facts: { readonly jobId: string; readonly status: string; readonly auditEntry: object };
  readonly entries: {
    readonly permanentFailures: readonly Bounced[];
    readonly retryCandidates: readonly Bounced[];
    readonly engagement: readonly Engaged[];
  };
}

interface Bounced {
  readonly seq: number;
  readonly reason: string | null;
  readonly code: string | null;
}

interface Engaged {
  readonly seq: number;
  readonly openedAt: string | null;
  readonly clickedLinks: readonly { readonly url: string | null; readonly clickedAt: string | null }[];
}

/**
 * Adds the event and the audit entry about a job, unless they would say the same as the last ones. `isComplete`: every message has
 * a final state; before, nothing is announced. `ref`: see JobToRead.
 */
export async function announce(
  deps: EmailSendDeps,
  run: Run,
  job: Job,
  { isComplete = true, ref = run }: { readonly isComplete?: boolean; readonly ref?: RunRef } = {},
): Promise<void> {
  if (!isComplete && job.announcedAt === null) return;
  await deps.ledger.emails.announce(ref, job.jobId, {
    first: COMPLETED,
    later: UPDATED,
    hasSubscriber: deps.hasSubscriber,
    describe: (now, messages) => describeJob(run, now, messages),
  });
}

function describeJob(run: Run, job: Job, messages: readonly JobMessage[]): JobEntries {
  const { templateId, senderAddress } = messageOf(runInput(spec, run));
  const states = messages.map(({ seq, summary }) => ({ seq, state: summary as FoldedState | null }));
  const bounced = states.flatMap(({ seq, state }): (Bounced & { readonly isPermanent: boolean })[] =>
    state?.bounceClass
      ? [
          {
            seq,
            reason: reasonOf(state),
            code: state.bounceCode,
            isPermanent: PERMANENT.includes(state.bounceClass),
          },
        ]
      : [],
  );
  const engaged = states.flatMap(({ seq, state }): Engaged[] => {
    const { firstOpenAt: openedAt = null, clickedLinks = [] } = state ?? {};
    return openedAt === null && clickedLinks.length === 0 ? [] : [{ seq, openedAt, clickedLinks }];
  });
  const of = (isPermanent: boolean) =>
    bounced.filter((each) => each.isPermanent === isPermanent).map(({ isPermanent: _, ...each }) => each);
  const [permanentFailures, retryCandidates] = [of(true), of(false)];
  const auditEntry = {
    jobId: job.jobId,
    templateId,
    senderAddress,
    recipientCount: job.recipients,
    latencyMs: (job.finalAt ?? job.polledAt ?? job.submittedAt).getTime() - job.submittedAt.getTime(),
    permanentBounces: permanentFailures.length,
    retryCandidates: retryCandidates.length,
    opens: engaged.filter(({ openedAt }) => openedAt !== null).length,
    spamScore: job.spamScore,
  };
  return {
    auditEntry,
    facts: { jobId: job.jobId, status: job.status ?? 'unknown', auditEntry },
    entries: { permanentFailures, retryCandidates, engagement: engaged },
  };
}

/** A bounce for reasons of the sender is not tried again, so subscribers see it as permanent; it suppresses nobody. */
const PERMANENT: readonly string[] = ['hard', 'policy'];

/** What the receiving server says may name the person, so the class is the reason. */
const reasonOf = ({ bounceClass }: FoldedState): string | null => bounceClass && `${bounceClass} bounce`;

/** The body that the subscriber receives. */
export async function renderJob(deps: EmailSendDeps, run: Run, event: OutboxEvent): Promise<string> {
  const { facts, entries } = event.content as AnnouncedContent;
  const timestamp = event.created_at.toISOString();
  const { auditEntry, ...about } = facts as JobEntries['facts'];
  const listed = Object.values(entries).flatMap((list) => list.map(({ seq }) => seq));
  const recipients = await deps.ledger.emails.recipients(run.run_no, [...new Set(listed)]);
  const named = Object.entries(entries).map(([name, list]) => {
    const known = list.flatMap(({ seq, ...entry }) => {
      const recipient = recipients.get(seq);
      return recipient ? [{ ...address(recipient, deps.email.webhookAddresses), ...entry }] : [];
    });
    return [name, known] as const;
  });
  return JSON.stringify({
    id: event.event_id,
    event: event.event,
    timestamp,
    runId: run.run_id,
    data: { ...about, auditEntry: { timestamp, ...auditEntry }, ...Object.fromEntries(named) },
  });
}

interface NamedRecipient {
  readonly toAddress: string;
  readonly mailbox: string;
}

function address({ toAddress, mailbox }: NamedRecipient, how: WebhookAddresses): { readonly email?: string } {
  if (how === 'plain') return { email: toAddress };
  // Subscribers who know the address can compute the same.
  return how === 'hash' ? { email: createHash('sha256').update(mailbox).digest('hex') } : {};
}
