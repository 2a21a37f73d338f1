/** What an email send has to remember beside the ledger when it continues as new. */
export interface SendingState {
  /** Of the first share: it has not been judged, or the rest may be sent. */
  canary: 'open' | 'passed';
  /** Epoch ms: when the first share is judged; null: it has not been sent yet. */
  canaryEnds: number | null;
  /** How many bounces the run has paused for that are about the sender (5.7.x). */
  policyBounces: number;
  /** There is no `sendBefore`, or it is over and a person has been asked. */
  readonly isLateAllowed: boolean;
}

export const NOTHING_SENT: SendingState = {
  canary: 'open',
  canaryEnds: null,
  policyBounces: 0,
  isLateAllowed: false,
};
