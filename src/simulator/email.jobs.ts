/** What the simulator and its journal have of the messages that were accepted. */
import type { EmailEnvelope, EmailRecipient } from '../cxone/email.wire.ts';
import type { Behaviour, Lifecycle } from './email.plan.ts';

/** The first line that the journal has of an accepted message. */
export interface JobLine extends EmailEnvelope {
  readonly jobId: string;
  /** From 1. */
  readonly number: number;
  readonly idempotencyKey: string | null;
  /** Of the body, so that a key is not used for two messages. */
  readonly bodyHash: string;
  /** ISO 8601, by the simulated CXone's clock. */
  readonly acceptedAt: string;
  readonly lifecycle: Lifecycle;
}

/** And one for each recipient. */
export interface SentRecipient extends EmailRecipient {
  readonly jobId: string;
  /** Position in the message. */
  readonly index: number;
  readonly recipientId: string;
  readonly messageId: string;
  /** How many messages to the address had been accepted before. */
  readonly earlier: number;
  readonly behaviour: Behaviour;
}

export interface EmailJob extends Omit<JobLine, 'acceptedAt'> {
  readonly acceptedAtMs: number;
  lifecycle: Lifecycle;
  readonly recipients: SentRecipient[];
  /** By the admin API. */
  readonly added: VisibleEvent[];
}

export interface VisibleEvent {
  /** When it is there to be read. */
  readonly visibleAtMs: number;
  readonly event: unknown;
}
