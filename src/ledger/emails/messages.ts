/** Messages and their events, as reports need them. */

/** The message of a recipient that counts: the newest that was delivered, otherwise the newest. */
export interface CountedMessage {
  readonly seq: number;
  readonly state: string;
  readonly bounceClass: string | null;
  readonly bounceCode: string | null;
  readonly complained: boolean;
  readonly unsubscribed: boolean;
  /** By a person. */
  readonly opened: boolean;
  readonly clicked: boolean;
  readonly deliveredAt: Date | null;
  readonly jobId: string;
  /** How many messages the recipient was sent. */
  readonly attempts: number;
}

export interface EventPeriod {
  readonly from: Date;
  readonly widthMs: number;
  readonly buckets: number;
}

export interface EventBucket {
  /** From 0. */
  readonly index: number;
  readonly type: string;
  readonly n: number;
}
