/** Outbound emails in PostgreSQL. */
import type { Database } from '../database.ts';
import { fenced } from '../fence.ts';
import { announce } from './announcements.sql.ts';
import { findConsents, recordConsents } from './consents.sql.ts';
import { listContentHashes } from './content-hashes.sql.ts';
import type { Emails } from './emails.ts';
import { failRemaining, saveEvents } from './events.sql.ts';
import { countFigures, listTallies, timeline } from './figures.sql.ts';
import { countOpenJobs, endJob, listDueJobs, listJobs, listJobsOf, recordJob, savePoll } from './jobs.sql.ts';
import { eventTimeline, listMessages } from './messages.sql.ts';
import { listOptOuts, markOptOutsSynced } from './opt-outs.sql.ts';
import {
  countPolicyBounces,
  countUnknown,
  findDelivered,
  findInJob,
  listRecipients,
  nextWriteAt,
} from './recipients.sql.ts';
import { dropRetries, listRetryable, planRetries } from './retries.sql.ts';

export function createEmails({ db }: Database): Emails {
  return {
    recordJob: (job, executor) =>
      executor ? recordJob(executor, job) : db.transaction().execute((tx) => recordJob(tx, job)),
    recordConsents: (runNo, consents, executor) => recordConsents(executor, runNo, consents),
    findConsents: (runNo, seqs, attempt) => findConsents(db, runNo, seqs, attempt),
    contentHashes: (runNo, seq) => listContentHashes(db, runNo, seq),
    listDueJobs: (runNo, limit) => listDueJobs(db, runNo, limit),
    countOpenJobs: (runNo) => countOpenJobs(db, runNo),
    jobs: (runNo) => listJobs(db, runNo),
    jobsOf: (runNo, seqs) => listJobsOf(db, runNo, seqs),
    savePoll: (run, jobId, poll) => fenced(db, run, (tx, runNo) => savePoll(tx, runNo, jobId, poll)),
    endJob: (run, jobId, how) => fenced(db, run, (tx, runNo) => endJob(tx, runNo, jobId, how)),
    announce: (run, jobId, announcement) =>
      fenced(db, run, (tx, runNo) => announce(tx, runNo, jobId, announcement)),
    failRemaining: (run, jobId, state, reason) =>
      fenced(db, run, (tx, runNo) => failRemaining(tx, { runNo, jobId }, state, reason)),
    saveEvents: (run, jobId, page) => fenced(db, run, (tx, runNo) => saveEvents(tx, { runNo, jobId }, page)),
    listRetryable: (runNo, page) => listRetryable(db, runNo, page),
    planRetries: (run, retries) => fenced(db, run, (tx, runNo) => planRetries(tx, runNo, retries)),
    dropRetries: (run) => fenced(db, run, dropRetries),
    listOptOuts: (runNo, page) => listOptOuts(db, runNo, page),
    markOptOutsSynced: (run, optOuts) =>
      fenced(db, run, (tx, runNo) => markOptOutsSynced(tx, runNo, optOuts)),
    figures: (runNo) => countFigures(db, runNo),
    tallies: (runNo) => listTallies(db, runNo),
    listMessages: (runNo) => listMessages(db, runNo),
    eventTimeline: (runNo, period) => eventTimeline(db, runNo, period),
    timeline: (runNo, seq) => timeline(db, runNo, seq),
    recipients: (runNo, seqs, executor) => listRecipients(executor ?? db, runNo, seqs),
    countPolicyBounces: (runNo) => countPolicyBounces(db, runNo),
    findDelivered: (runNo, seqs) => findDelivered(db, runNo, seqs),
    findInJob: (runNo, jobId, seqs) => findInJob(db, runNo, jobId, seqs),
    countUnknown: (runNo, jobId) => countUnknown(db, runNo, jobId),
    nextWriteAt: (runNo) => nextWriteAt(db, runNo),
  };
}
