/** The part of the admin client about email. */
import type { z } from 'zod';
import type { EmailPlan, EmailPlanInput, LifecycleChange } from './email.plan.ts';
import type { EmailEntry } from './email.state.ts';
import type { EMAIL_SUPPRESSION_CHANGE, SuppressedAddress } from './email.suppressions.ts';

export interface SimulatedJob {
  readonly jobId: string;
  /** From 1, in the order in which they were accepted. */
  readonly number: number;
  readonly idempotencyKey: string | null;
  /** ISO 8601, by the simulated CXone's clock. */
  readonly acceptedAt: string;
  readonly recipientCount: number;
  /** null: a 404 so far. */
  readonly status: string | null;
}

/** One recipient of an accepted message: what was sent to whom, and under which key. */
export interface AcceptedEmail {
  readonly n: number;
  readonly at: string;
  readonly requestId: string | null;
  readonly jobId: string;
  readonly idempotencyKey: string | null;
  readonly subject: string;
  readonly templateId: string;
  readonly senderAddress: string;
  /** Position in the message. */
  readonly index: number;
  readonly toAddress: string;
  readonly mergeFields: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly recipientId: string;
  readonly messageId: string;
}

type Call = <T>(method: string, path: string, body?: unknown) => Promise<T>;
type ReadJournal = <E>(filter: { readonly family: 'email' }) => Promise<E[]>;

export function createEmailAdminClient(call: Call, journal: ReadJournal) {
  const jobPath = (jobId: string) => `/_sim/email/jobs/${encodeURIComponent(jobId)}`;
  return {
    emailPlan: () => call<EmailPlan>('GET', '/_sim/email/plan'),
    /** Decides what becomes of messages from now on. Those that were accepted keep what was decided then. */
    setEmailPlan: (plan: EmailPlanInput) => call<EmailPlan>('POST', '/_sim/email/plan', plan),
    /** Adds, replaces or removes suppressed addresses. */
    seedEmailSuppressions: (change: z.input<typeof EMAIL_SUPPRESSION_CHANGE>) =>
      call<{ total: number }>('POST', '/_sim/email/suppressions', change),
    /** One page of the suppressed addresses. */
    emailSuppressions: ({ offset = 0, limit = 1000 } = {}) =>
      call<{ total: number; entries: SuppressedAddress[] }>(
        'GET',
        `/_sim/email/suppressions?offset=${offset}&limit=${limit}`,
      ),
    /** One page of the jobs. */
    emailJobs: ({ offset = 0, limit = 1000 } = {}) =>
      call<{ total: number; jobs: SimulatedJob[] }>(
        'GET',
        `/_sim/email/jobs?offset=${offset}&limit=${limit}`,
      ),
    /** Changes what becomes of a job that was accepted, for example ends one that is stuck. */
    changeEmailJob: (jobId: string, change: LifecycleChange) =>
      call<{ jobId: string }>('POST', jobPath(jobId), change),
    /** Adds events of any shape behind those of a job. */
    addEmailEvents: (jobId: string, events: readonly unknown[], inSeconds = 0) =>
      call<{ added: number }>('POST', `${jobPath(jobId)}/events`, { events, inSeconds }),
    /** Every recipient of every accepted message, in order. */
    acceptedEmails: async (): Promise<AcceptedEmail[]> => {
      const entries = await journal<EmailEntry>({ family: 'email' });
      const created = entries.filter(({ action }) => action === 'create');
      const jobs = new Map(
        created.filter(({ lifecycle }) => lifecycle !== undefined).map((job) => [job.jobId, job]),
      );
      return created
        .filter(({ recipientId }) => recipientId !== undefined)
        .map(({ behaviour: _b, earlier: _e, family: _f, action: _a, ...recipient }) => {
          const { idempotencyKey, subject, templateId, senderAddress } = jobs.get(recipient.jobId) ?? {};
          return { ...recipient, idempotencyKey, subject, templateId, senderAddress } as AcceptedEmail;
        });
    },
  };
}
