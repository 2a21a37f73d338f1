/** Complaints and unsubscriptions, which are to reach CXone's preferences. */

export interface OptOutPage {
  /** Only recipients after this one; 0: all. */
  readonly afterSeq: number;
  readonly limit: number;
}

export interface OptOut {
  readonly seq: number;
  readonly attempt: number;
  readonly contactId: string | null;
  readonly complained: boolean;
  readonly unsubscribed: boolean;
  /** The first of the two; null: the event names no time. */
  readonly at: Date | null;
}
