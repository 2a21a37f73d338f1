/** What became of the messages of a run. */
import type { Outcome } from '../../domain/run.ts';
import type { EmailConsent } from './consents.ts';
import type { Job } from './jobs.ts';

/**
 * Each recipient who was sent a message counts once, with the newest message that was delivered, otherwise with the newest:
 * a first message may arrive after its retry was planned. Complaints, unsubscriptions, opens and clicks count whichever message
 * they are about.
 */
export interface EmailFigures {
  /** By outcome of the record, state and class of the bounce. They add up to `recipients`. */
  readonly groups: readonly FigureGroup[];
  /** Recipients with at least one message. */
  readonly recipients: number;
  /** How many messages there were of each attempt, from the first. */
  readonly attempts: readonly number[];
  /** Of these, delivered messages that were opened or clicked by a person. */
  readonly opened: number;
  readonly clicked: number;
  readonly complained: number;
  readonly unsubscribed: number;
  /** Recipients who complained or unsubscribed, by whether that was handed over to CXone's preferences; without erased ones. */
  readonly optOuts: { readonly handedOver: number; readonly waiting: number };
  /** Events whose recipient is not known, by CXone's type. */
  readonly unmatched: readonly { readonly type: string; readonly n: number }[];
  readonly events: number;
}

export interface FigureGroup {
  /** `pending`: a retry is planned or under way. */
  readonly outcome: Outcome | 'pending';
  readonly state: string;
  readonly bounceClass: string | null;
  readonly n: number;
}

/** Recipients with equal messages. */
export interface Tally {
  readonly outcome: Outcome | 'pending';
  /** From the first attempt on. */
  readonly messages: readonly TalliedMessage[];
  readonly n: number;
}

export interface TalliedMessage {
  readonly state: string;
  /** As the fold has computed them (`MessageState.counts`); null: there is no event. */
  readonly counts: unknown;
}

export interface MessageInTimeline {
  readonly attempt: number;
  readonly messageId: string | null;
  readonly recipientId: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly bounceClass: string | null;
  readonly bounceCode: string | null;
  readonly complained: boolean;
  readonly unsubscribed: boolean;
  readonly opened: boolean;
  readonly clicked: boolean;
  readonly deliveredAt: Date | null;
  readonly syncedAt: Date | null;
  readonly retried: boolean;
  readonly summary: unknown;
  /** By which it was sent; null: none was looked up, or it was erased. */
  readonly consent: EmailConsent | null;
  readonly job: Job;
  readonly events: readonly TimelineEvent[];
}

export interface TimelineEvent {
  readonly type: string;
  readonly at: Date | null;
  readonly data: unknown;
}
