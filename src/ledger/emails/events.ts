/** Events of messages. */
import type { Executor } from '../database.ts';

export interface EventPage {
  readonly events: readonly NewEvent[];
  /** The state of a message from all its events. Pure, and independent of their order and repetition. */
  readonly fold: (events: readonly StoredEvent[]) => MessageState;
  /** Called in the transaction with what changed, if anything did. It must be quick, because the job is locked meanwhile. */
  readonly onChanged?: (changed: readonly ChangedMessage[], tx: Executor) => Promise<void>;
}

export interface NewEvent {
  /** What makes it this event: two with equal keys are one. */
  readonly key: string;
  /** CXone's word. */
  readonly type: string;
  /** ISO 8601; null: unknown. */
  readonly at: string | null;
  readonly messageId: string | null;
  readonly recipientId: string | null;
  /** Whom the event names, folded as `key1` of the records; null: nobody. It is not stored. */
  readonly mailbox: string | null;
  /** The mailbox may be one to which somebody else's message was forwarded. */
  readonly mayBeForwarded: boolean;
  /** Everything that `fold` needs, without an address. */
  readonly data: object;
}

export interface StoredEvent {
  readonly type: string;
  /** ISO 8601. */
  readonly at: string | null;
  readonly data: object;
}

/** What the events of a message amount to. */
export interface MessageState {
  readonly state: 'accepted' | 'delivered' | 'bounced' | 'failed' | 'in_doubt';
  readonly bounceClass: string | null;
  readonly bounceCode: string | null;
  readonly complained: boolean;
  readonly unsubscribed: boolean;
  /** By a person. */
  readonly opened: boolean;
  readonly clicked: boolean;
  /** ISO 8601. */
  readonly deliveredAt: string | null;
  /** ISO 8601: the first complaint or unsubscription. */
  readonly optedOutAt: string | null;
  /** Whatever else the report needs, as JSON. An erasure removes it. */
  readonly summary: unknown;
  /** Numbers that are added up for the run, as JSON. An erasure leaves them. Default: null. */
  readonly counts?: unknown;
}

export interface ChangedMessage {
  readonly seq: number;
  readonly attempt: number;
  readonly before: MessageState;
  readonly after: MessageState;
}
