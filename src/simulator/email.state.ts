/** Email: the suppressions, the jobs with their recipients, and the idempotency keys. */
import { type EmailEnvelope, type EmailRecipient, foldAddress } from '../cxone/email.wire.ts';
import type { EmailJob, JobLine, SentRecipient, VisibleEvent } from './email.jobs.ts';
import {
  decideBehaviour,
  decideLifecycle,
  EMAIL_PLAN,
  type EmailPlan,
  type EmailPlanInput,
  type Lifecycle,
  type Mail,
} from './email.plan.ts';
import { createEmailSuppressions, type EmailSuppressionChange } from './email.suppressions.ts';
import type { Entry, Journal } from './journal.ts';

/** By the admin API. */
interface SeedLine {
  readonly suppressions?: EmailSuppressionChange;
  readonly jobId?: string;
  readonly lifecycle?: Lifecycle;
  readonly events?: readonly VisibleEvent[];
}
export type EmailEntry = Entry<Partial<JobLine> & Partial<SentRecipient> & SeedLine>;

export interface Acceptance extends EmailEnvelope {
  readonly recipients: readonly EmailRecipient[];
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
  readonly requestId: string | null;
  readonly nowMs: number;
}

const SEED = { family: 'email', action: 'seed', requestId: null } as const;

/** Whatever changes something writes the journal first. */
export function createEmailState(journal: Journal, seed: number, input: EmailPlanInput = {}) {
  const suppressions = createEmailSuppressions();
  const jobs = new Map<string, EmailJob>();
  const jobByKey = new Map<string, EmailJob>();
  /** Folded address → number of messages to it. */
  const counts = new Map<string, number>();
  let plan: EmailPlan = EMAIL_PLAN.parse(input);

  const putJob = ({ acceptedAt, ...line }: JobLine): EmailJob => {
    const job: EmailJob = { ...line, acceptedAtMs: Date.parse(acceptedAt), recipients: [], added: [] };
    jobs.set(job.jobId, job);
    if (job.idempotencyKey !== null) jobByKey.set(job.idempotencyKey, job);
    return job;
  };
  const putRecipient = (recipient: SentRecipient): void => {
    jobs.get(recipient.jobId)?.recipients.push(recipient);
    counts.set(foldAddress(recipient.toAddress), recipient.earlier + 1);
  };
  const applySeed = ({ suppressions: change, jobId, lifecycle, events }: SeedLine): void => {
    if (change !== undefined) suppressions.apply(change);
    const job = jobs.get(jobId ?? '');
    if (job === undefined) return;
    job.lifecycle = lifecycle ?? job.lifecycle;
    job.added.push(...(events ?? []));
  };
  return {
    suppressions: suppressions as Pick<typeof suppressions, 'find' | 'all'>,
    plan: (): EmailPlan => plan,
    replacePlan: (next: EmailPlan): EmailPlan => (plan = next),
    findJob: (jobId: string): EmailJob | null => jobs.get(jobId) ?? null,
    /** The last one that was accepted under a key. */
    findByKey: (key: string): EmailJob | null => jobByKey.get(key) ?? null,
    jobs: (): EmailJob[] => [...jobs.values()],
    accept({ recipients, requestId, nowMs, ...given }: Acceptance): EmailJob {
      const number = jobs.size + 1;
      const sent = toSent(recipients, { plan, seed, firstN: journal.nextN(), counts });
      const line: JobLine = {
        jobId: toJobId(journal.nextN()),
        number,
        ...given,
        acceptedAt: new Date(nowMs).toISOString(),
        lifecycle: decideLifecycle(plan, seed, { number, first: toMail(sent[0]) }),
      };
      journal.append({ family: 'email', action: 'create', requestId, items: [line, ...sent] });
      const job = putJob(line);
      for (const recipient of sent) putRecipient(recipient);
      return job;
    },
    /** By the admin API. */
    seed(line: SeedLine): void {
      journal.append({ ...SEED, items: [line] });
      applySeed(line);
    },
    restore({ n: _n, at: _a, family: _f, action, requestId: _r, listId: _l, ...line }: EmailEntry): void {
      if (action === 'seed') applySeed(line);
      else if (line.recipientId === undefined) putJob(line as JobLine);
      else putRecipient(line as SentRecipient);
    },
  };
}
export type EmailState = ReturnType<typeof createEmailState>;

interface Deciding {
  readonly plan: EmailPlan;
  readonly seed: number;
  /** The number of the job's line in the journal. */
  readonly firstN: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** An address may be there twice: nothing in the contract forbids it. */
function toSent(
  recipients: readonly EmailRecipient[],
  { plan, seed, firstN, counts }: Deciding,
): SentRecipient[] {
  const within = new Map<string, number>();
  return recipients.map((recipient, index) => {
    const address = foldAddress(recipient.toAddress);
    const earlier = within.get(address) ?? counts.get(address) ?? 0;
    within.set(address, earlier + 1);
    const n = firstN + 1 + index;
    const behaviour = decideBehaviour(plan, seed, { address, earlier });
    const ids = { jobId: toJobId(firstN), index, recipientId: `recipient-${n}`, messageId: `message-${n}` };
    return { ...ids, ...recipient, earlier, behaviour };
  });
}

const toJobId = (firstN: number): string => `job-${firstN}`;

function toMail(first: SentRecipient | undefined): Mail {
  return { address: foldAddress(first?.toAddress ?? ''), earlier: first?.earlier ?? 0 };
}
