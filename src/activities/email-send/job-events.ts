/** The events of one job of CXone, stored as the messages that they are about. */
import { createHash } from 'node:crypto';
import { type EmailEvent, MAX_EVENTS_PER_PAGE } from '../../cxone/email.ts';
import { CxoneNotFound, CxoneRefused, CxoneTooLong } from '../../cxone/errors.ts';
import { toMailbox } from '../../domain/email-address.ts';
import { messageState } from '../../domain/email-send/delivery.ts';
import { eventKey, kindOf } from '../../domain/email-send/events.ts';
import { countMessage } from '../../domain/email-send/figures.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import type { MessageState, NewEvent, StoredEvent } from '../../ledger/emails/events.ts';
import type { Job } from '../../ledger/emails/jobs.ts';
import type { RunRef } from '../../ledger/fence.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { storeEffects } from './effects.ts';
import type { EmailSendDeps } from './settings.ts';

export interface JobToRead {
  readonly run: Run;
  /** The run; its number alone where it does not matter who has taken it over. */
  readonly ref: RunRef;
  readonly job: Job;
  /** Makes a request once it may be made. */
  readonly ask: <T>(request: (signal?: AbortSignal) => Promise<T>) => Promise<T>;
}

/**
 * From the first page each time: CXone may put a late event before others, and each is stored once. A page that changes nothing
 * costs no more than its request. Errors: those of CXone; CxoneNotFound: it does not know the job, or no longer.
 */
export async function readJobEvents(deps: EmailSendDeps, { run, ref, job, ask }: JobToRead): Promise<void> {
  const { ledger, cxone } = deps;
  const { jobId } = job;
  const ended = endOf(job);
  let before = '';
  for (let offset = 0; ; ) {
    const page = await ask((signal) => cxone.email.readEvents({ jobId, offset, signal }));
    const all = page.events.map((event) => ({ isOfJob: isOfJob(event, jobId), event: toNewEvent(event) }));
    // A tenant that does not know `offset` returns the first page each time. One event may be on several pages.
    const keys = all.map(({ event }) => event.key).join();
    if (keys === before) return;
    before = keys;
    const events = all.flatMap(({ isOfJob: isOurs, event }) => (isOurs ? [event] : []));
    await ledger.emails.saveEvents(ref, jobId, {
      events,
      fold: (events) => fold(events, ended),
      onChanged: (changed, tx) => storeEffects(deps, run, job, changed, tx),
    });
    offset += page.count;
    if (page.count < MAX_EVENTS_PER_PAGE) return;
  }
}

/** Other jobs may still be read. The same errors end a run if they are about the list or the campaign that it is for. */
export function isAboutOneJob(error: unknown): boolean {
  return [CxoneNotFound, CxoneRefused, CxoneTooLong].some((type) => error instanceof type);
}

/** A job that CXone does not know has no events. */
export async function readEventsIfKnown(deps: EmailSendDeps, job: JobToRead): Promise<void> {
  await readJobEvents(deps, job).catch((error: unknown) => {
    if (!(error instanceof CxoneNotFound)) throw error;
  });
}

const isOfJob = (event: EmailEvent, jobId: string): boolean => event.jobId === null || event.jobId === jobId;

function toNewEvent({ isPartial: _, jobId: __, ...event }: EmailEvent): NewEvent {
  const { eventType, emailAddress, ...data } = event;
  return {
    key: createHash('sha256').update(eventKey(event)).digest('base64url'),
    type: eventType,
    at: event.timestamp === null ? null : toUtcTimestamp(event.timestamp.trim()),
    messageId: event.messageId,
    recipientId: event.recipientId,
    mailbox: emailAddress === null ? null : toMailbox(emailAddress),
    // A complaint is believed in any case, because an objection must not be lost.
    mayBeForwarded: kindOf(eventType) === 'bounce',
    data,
  };
}

function fold(stored: readonly StoredEvent[], ended: 'failed' | 'cancelled' | null): MessageState {
  const events = stored.map(({ type, data }) => ({
    ...(data as Omit<EmailEvent, 'eventType' | 'emailAddress' | 'jobId' | 'isPartial'>),
    eventType: type,
    emailAddress: null,
  }));
  const state = messageState(events, ended);
  const { bounceClass, bounceCode, complained, unsubscribed, deliveredAt } = state;
  const optedOutAt =
    [state.complainedAt, state.unsubscribedAt].filter((at) => at !== null).toSorted()[0] ?? null;
  return {
    state: state.state,
    bounceClass,
    bounceCode,
    complained,
    unsubscribed,
    opened: state.opens.people > 0,
    clicked: state.clicks.people > 0,
    deliveredAt,
    optedOutAt,
    summary: state,
    counts: countMessage(state),
  };
}

export function endOf({ status }: Job): 'failed' | 'cancelled' | null {
  const word = status?.trim().toLowerCase();
  return word === 'failed' || word === 'cancelled' ? word : null;
}
