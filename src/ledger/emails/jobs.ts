/** Jobs of CXone: what it made of one POST. */

export interface NewJob {
  readonly runNo: number;
  readonly jobId: string;
  readonly writeId: string;
  readonly submittedAt: Date;
  /** When to ask for its status first; null: at once. */
  readonly nextPollAt: Date | null;
  readonly messages: readonly NewMessage[];
}

export interface NewMessage {
  readonly seq: number;
  /** CXone's ids, if its answer names them. */
  readonly messageId: string | null;
  readonly recipientId: string | null;
  /** Of its content (content-hashes.ts). Absent: the message cannot be verified. */
  readonly salt?: string;
  readonly contentHash?: string;
}

export interface Job {
  readonly jobId: string;
  readonly writeId: string;
  readonly batch: number;
  /** Which message to its recipients it brings, from 1. */
  readonly attempt: number;
  readonly submittedAt: Date;
  readonly recipients: number;
  /** CXone's word; null: it has not been asked yet. */
  readonly status: string | null;
  readonly isFinal: boolean;
  /** When it was found to be final. */
  readonly finalAt: Date | null;
  readonly spamScore: number | null;
  readonly polls: number;
  readonly polledAt: Date | null;
  readonly nextPollAt: Date | null;
  readonly endedAt: Date | null;
  readonly endedHow: string | null;
  /** When the first event about it was added. */
  readonly announcedAt: Date | null;
  /** Of what the last event about it says. */
  readonly announcedHash: string | null;
}

/** What is not given stays as it is. */
export interface JobPoll {
  readonly status?: string | null;
  readonly isFinal?: boolean;
  /** When to poll next. */
  readonly nextPollAt: Date;
  readonly spamScore?: number | null;
}

export interface OpenJobs {
  readonly open: number;
  /** The earliest; null: none is open. */
  readonly nextPollAt: Date | null;
}
