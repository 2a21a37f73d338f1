/**
 * The port to outbound emails (docs/adr/0027-outbound-email.md). A write of the kind `send` becomes a *job* of CXone, and each
 * of its records a *message* in it. A recipient whose message is retried gets another one, with the next number of `attempt`.
 * What became of a message is computed from its events by a pure function of the caller, whatever their order.
 */
import type { Executor } from '../database.ts';
import type { RunRef } from '../fence.ts';
import type { Announcement } from './announcements.ts';
import type { EmailConsent, NewEmailConsent } from './consents.ts';
import type { ContentHash } from './content-hashes.ts';
import type { ChangedMessage, EventPage } from './events.ts';
import type { EmailFigures, MessageInTimeline, Tally } from './figures.ts';
import type { Job, JobPoll, NewJob, OpenJobs } from './jobs.ts';
import type { CountedMessage, EventBucket, EventPeriod } from './messages.ts';
import type { OptOut, OptOutPage } from './opt-outs.ts';
import type { RecipientOfRecord } from './recipients.ts';
import type { Retry, RetryableMessage, RetryablePage } from './retries.ts';

export interface Emails {
  /**
   * Stores a job and its messages, in the transaction that settles its write. A message of the same write that is known
   * already stays as it is, so a repetition changes nothing.
   */
  recordJob(job: NewJob, executor?: Executor): Promise<void>;

  /**
   * By which consent these recipients are going to be sent a message, in the transaction that settles the lookup. A later lookup
   * for the same message replaces it. A repetition changes nothing.
   */
  recordConsents(runNo: number, consents: readonly NewEmailConsent[], executor: Executor): Promise<void>;

  /** By seq: those of the recipients who have a consent for this message, from 1. Reads only. */
  findConsents(
    runNo: number,
    seqs: readonly number[],
    attempt: number,
  ): Promise<ReadonlyMap<number, EmailConsent>>;

  /** Those of the messages of a recipient, the oldest first. Reads only. */
  contentHashes(runNo: number, seq: number): Promise<ContentHash[]>;

  /** Jobs that have not ended and whose next poll is due by the ledger's clock, the earliest first. Reads only. */
  listDueJobs(runNo: number, limit: number): Promise<Job[]>;

  /** Jobs that have not ended. Reads only. */
  countOpenJobs(runNo: number): Promise<OpenJobs>;

  /** All jobs, in the order of their submission. Reads only. */
  jobs(runNo: number): Promise<Job[]>;

  /** Those that brought the newest messages to these recipients, whether they have ended or not, in the order of their submission. Reads only. */
  jobsOf(runNo: number, seqs: readonly number[]): Promise<Job[]>;

  /** What a poll has found. It is counted each time. Errors: Superseded; the job does not exist. */
  savePoll(run: RunRef, jobId: string, poll: JobPoll): Promise<void>;

  /**
   * Nothing more is to be followed. `how`: a code for reports, e.g. `completed`, `deadline`. Events that belong to nobody lose
   * their data. A job that has ended stays as it is. Errors: Superseded.
   */
  endJob(run: RunRef, jobId: string, how: string): Promise<void>;

  /**
   * Adds the event and the audit entry about a job, unless they would say the same as the last ones. Errors: Superseded; the job
   * does not exist.
   */
  announce(run: RunRef, jobId: string, announcement: Announcement): Promise<void>;

  /**
   * Messages of a job that will not send them any more, and that have no event: `accepted` → `state`. Events that arrive later
   * count nevertheless. Returns how many changed. A repetition changes nothing. Errors: Superseded.
   */
  failRemaining(run: RunRef, jobId: string, state: 'failed' | 'in_doubt', reason: string): Promise<number>;

  /**
   * Stores a page of events, each once, finds the recipients that they belong to (matching.ts), and computes the messages
   * concerned anew from all their events, in one transaction for a job at a time. Returns those whose state changed, in the
   * order of the recipients. Of a job that has ended, events that belong to nobody are stored without data. Repeated and
   * simultaneous calls give the same result. Errors: Superseded; the job does not exist.
   */
  saveEvents(run: RunRef, jobId: string, page: EventPage): Promise<readonly ChangedMessage[]>;

  /**
   * Bounced messages that may be retried: the newest of their recipients, who are `sent`, and of whose messages all have bounced
   * and none was answered with an opt-out. Erased ones are left out. In the order of the recipients. Reads only.
   */
  listRetryable(runNo: number, page: RetryablePage): Promise<RetryableMessage[]>;

  /**
   * Recipients → pending again, each in a new write (`planned`) of its batch; those of a batch with equal moment, kind and refs
   * share one. The counts of the writes that had settled them fall accordingly. Only messages that `listRetryable` may list, of
   * any state; others are left out. Returns how many were planned. A repetition changes nothing. Errors: Superseded.
   */
  planRetries(run: RunRef, retries: readonly Retry[]): Promise<number>;

  /**
   * For a run that ends early: pending recipients who were sent a message before get the outcome back that they had, and leave
   * their writes, which were not sent (`planned`). Returns how many. A repetition changes nothing. Errors: Superseded.
   */
  dropRetries(run: RunRef): Promise<number>;

  /** Complaints and unsubscriptions that have not been synced, in the order of the recipients, without erased ones. Reads only. */
  listOptOuts(runNo: number, page: OptOutPage): Promise<OptOut[]>;

  /** They are in CXone's preferences, or cannot get there. A repetition changes nothing. Errors: Superseded. */
  markOptOutsSynced(run: RunRef, optOuts: readonly Pick<OptOut, 'seq' | 'attempt'>[]): Promise<void>;

  /** What became of the messages. Reads only. */
  figures(runNo: number): Promise<EmailFigures>;

  /** The counts of the messages that `figures` counts, for whoever adds them up. Reads only. */
  tallies(runNo: number): Promise<Tally[]>;

  /**
   * What became of each recipient who was sent a message, in the order of the source. Complaints and opt-outs count whichever of
   * the messages they are about. Memory stays flat. Reads only.
   */
  listMessages(runNo: number): AsyncIterable<CountedMessage>;

  /**
   * When events happened, by CXone's type, in `buckets` buckets of `widthMs`; what is said to have happened before or after counts
   * in the first or in the last one. Events without a time are left out. Reads only.
   */
  eventTimeline(runNo: number, period: EventPeriod): Promise<EventBucket[]>;

  /** The messages of a recipient with their consents, jobs and events, the oldest first. Reads only. */
  timeline(runNo: number, seq: number): Promise<MessageInTimeline[]>;

  /** By seq. Erased ones are left out. Reads only. */
  recipients(
    runNo: number,
    seqs: readonly number[],
    executor?: Executor,
  ): Promise<ReadonlyMap<number, RecipientOfRecord>>;

  /** Messages that bounced because of the sender. Reads only. */
  countPolicyBounces(runNo: number): Promise<number>;

  /** Those of the recipients who have a message in this job. Reads only. */
  findInJob(runNo: number, jobId: string, seqs: readonly number[]): Promise<readonly number[]>;

  /** Those of the recipients to whom a message was delivered by now. Reads only. */
  findDelivered(runNo: number, seqs: readonly number[]): Promise<ReadonlySet<number>>;

  /** Messages of a job that are neither delivered, bounced nor failed. Reads only. */
  countUnknown(runNo: number, jobId: string): Promise<number>;

  /** When the next write may be tried that is neither answered, in doubt nor claimed now; null: there is none. Reads only. */
  nextWriteAt(runNo: number): Promise<Date | null>;
}
