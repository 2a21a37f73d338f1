/** What became of the messages of an email send, as plain data for terminal, report and JSON. Without personal data. */
import type { EmailSendResult } from '../contract/email-send.ts';
import { kindOf } from '../domain/email-send/events.ts';
import { type DeliveryFigures, deliveryFigures } from '../domain/email-send/figures.ts';
import { countDeliveries } from '../ledger/emails/counts.ts';
import type { EmailFigures } from '../ledger/emails/figures.ts';
import type { Job } from '../ledger/emails/jobs.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Run } from '../ledger/runs/runs.ts';
import { listOptOutRuns, type OptOutRun } from './email-opt-outs.ts';
import { chooseBucketWidthMs } from './run-report.ts';

/** What CXone made of one request. */
export interface JobReport
  extends Pick<Job, 'jobId' | 'batch' | 'attempt' | 'submittedAt' | 'recipients' | 'polls'> {
  /** CXone's word; null: it has not been asked yet. */
  readonly status: string | null;
  /** From the submission until the status was final; null: it is not. */
  readonly latencyMs: number | null;
  readonly spamScore: number | null;
  /** Why nothing more is followed, e.g. `completed`, `deadline`; null: it is followed. */
  readonly endedHow: string | null;
}

export interface EmailDelivery {
  /** Of the recipients who were sent the message: delivered + bounced + failed + accepted + in doubt = sent. */
  readonly figures: DeliveryFigures;
  /** Recipients of `figures` whose message bounced temporarily, and who will be sent another one: their record is pending. */
  readonly toBeSentAgain: number;
  /** How many messages there were of each attempt, from the first. */
  readonly attempts: readonly number[];
  /** Events of which it is not known to whom they belong, by CXone's type. */
  readonly unmatched: EmailFigures['unmatched'];
  /** Recipients who complained or unsubscribed, and the preference updates that bring that to CXone. */
  readonly optOuts: EmailFigures['optOuts'] & { readonly runs: readonly OptOutRun[] };
  readonly openJobs: number;
  /** In the order of their submission. */
  readonly jobs: readonly JobReport[];
  /** Null: there are no events yet. */
  readonly timeline: EventTimeline | null;
}

/** How many events of each kind had happened by then. */
export interface EventTimeline {
  readonly from: Date;
  readonly to: Date;
  readonly points: readonly EventPoint[];
}

export interface EventPoint {
  readonly at: Date;
  readonly delivered: number;
  readonly bounced: number;
}

/** Null: nothing was sent, or the run was purged before it had a result. */
export async function readEmailDelivery(ledger: Ledger, run: Run): Promise<EmailDelivery | null> {
  const { run_no: runNo } = run;
  const { delivery } = (run.result ?? {}) as Partial<EmailSendResult>;
  const jobs = await ledger.emails.jobs(runNo);
  if (jobs.length === 0 && !delivery?.sent) return null;
  const { attempts, unmatched, groups, optOuts } = await ledger.emails.figures(runNo);
  const isPending = groups.filter(({ outcome }) => outcome === 'pending');
  return {
    figures: delivery ?? deliveryFigures(await countDeliveries(ledger, runNo)),
    toBeSentAgain: isPending.reduce((sum, { n }) => sum + n, 0),
    attempts,
    unmatched,
    optOuts: { ...optOuts, runs: optOuts.handedOver === 0 ? [] : await listOptOutRuns(ledger, run.run_id) },
    openJobs: jobs.filter(({ endedAt }) => endedAt === null).length,
    jobs: jobs.map(toJobReport),
    timeline: await readTimeline(ledger, run, jobs),
  };
}

const MAX_BUCKETS = 80;

/** From the first submission until the run ended, or until now. */
async function readTimeline(
  { emails }: Pick<Ledger, 'emails'>,
  { run_no: runNo, finished_at: finishedAt }: Run,
  [first]: readonly Job[],
): Promise<EventTimeline | null> {
  if (!first) return null;
  const { submittedAt: from } = first;
  const spanMs = Math.max(0, (finishedAt ?? new Date()).getTime() - from.getTime());
  const widthMs = chooseBucketWidthMs(spanMs, MAX_BUCKETS);
  const buckets = Math.ceil(spanMs / widthMs) + 1;
  const counted = await emails.eventTimeline(runNo, { from, widthMs, buckets });
  if (counted.length === 0) return null;
  const sums = { delivered: 0, bounced: 0 };
  const points = Array.from({ length: buckets }, (_, index): EventPoint => {
    for (const { type, n } of counted.filter((each) => each.index === index)) {
      const kind = kindOf(type);
      if (kind === 'delivery') sums.delivered += n;
      if (kind === 'bounce') sums.bounced += n;
    }
    return { at: new Date(from.getTime() + (index + 1) * widthMs), ...sums };
  });
  return { from, to: new Date(from.getTime() + buckets * widthMs), points };
}

function toJobReport(job: Job): JobReport {
  const { jobId, batch, attempt, submittedAt, recipients, status, polls, finalAt, spamScore, endedHow } = job;
  const latencyMs = finalAt && finalAt.getTime() - submittedAt.getTime();
  return { jobId, batch, attempt, submittedAt, recipients, status, polls, latencyMs, spamScore, endedHow };
}
