/** What CXone says in its answers to a run: messages, ids, and how long it took by its own account. */
import type { Ledger } from '../ledger/ledger.ts';
import type { AnswersSummary, CxoneMessages, IdentifiedAnswer } from '../ledger/writes/answers.ts';

export type { CxoneMessage, CxoneMessages } from '../ledger/writes/answers.ts';

export interface CxoneFacts extends CxoneMessages, AnswersSummary {
  /** The last ones that have an id of CXone's, the newest first. */
  readonly answers: readonly IdentifiedAnswer[];
}

const MAX_ANSWERS = 5;

export async function readCxoneFacts(
  { answers }: Pick<Ledger, 'answers'>,
  runNo: number,
): Promise<CxoneFacts> {
  return {
    ...(await answers.messages(runNo)),
    ...(await answers.summary(runNo)),
    answers: await answers.latest(runNo, MAX_ANSWERS),
  };
}
