/** What is known of earlier attempts at a write, whether it may be sent again, and what its parts inherit. Pure. */
import type { DerivedWrite } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';

/**
 * - `none`: it was never sent.
 * - `batch`: the same batch was sent, and its answer was lost.
 * - `maybe_batch`: like `batch`, but CXone may have had the records before, or the worker may have died before it sent them.
 * - `some_records`: some of its records may have been applied by another write.
 */
export type PriorAttempt = 'none' | 'batch' | 'maybe_batch' | 'some_records';

/** Of a write, as far as it matters here. */
export type LostAnswers = Pick<OpenWrite, 'lostAnswers' | 'knownSent'>;

interface Marks {
  /** A part of a batch that may have been applied in part. */
  readonly halved?: true;
  /** Part of a batch that CXone refused without naming a record: it may have had these before. */
  readonly maybeDuplicates?: true;
  /** It was in doubt, and a person decided to send it again. */
  readonly resent?: true;
}

type Write = Pick<OpenWrite, 'refs'>;

const marks = (refs: unknown): Marks => (refs as Marks | null) ?? {};

/** What CXone calls duplicates after a person's "resend" may still be our own records (docs/adr/0014-lost-answers.md). */
export function classifyPriorAttempt(write: Write, { lostAnswers, knownSent }: LostAnswers): PriorAttempt {
  const { halved, maybeDuplicates, resent } = marks(write.refs);
  if (halved || resent) return 'some_records';
  if (lostAnswers === 0) return 'none';
  return knownSent && !maybeDuplicates ? 'batch' : 'maybe_batch';
}

/** The whole batch was applied, or nothing of it. */
export function isSameBatch(priorAttempt: PriorAttempt): boolean {
  return priorAttempt === 'batch' || priorAttempt === 'maybe_batch';
}

/** A person's decision to resend permits one attempt: if that answer is lost too, they are asked again. */
export function maySend(write: Write, lost: LostAnswers, repeatable: boolean): boolean {
  if (repeatable || classifyPriorAttempt(write, lost) === 'none') return true;
  return marks(write.refs).resent === true && lost.lostAnswers === 0;
}

/**
 * The decision extends to the halves of the batch, or a person would be asked about each of them. That CXone may have had the
 * records before holds for whatever is derived.
 */
export function inheritMarks(write: Write, derived: readonly DerivedWrite[]): DerivedWrite[] {
  const { resent, maybeDuplicates } = marks(write.refs);
  return derived.map((part) => {
    const inherited = {
      ...(resent && marks(part.refs).halved && { resent }),
      ...(maybeDuplicates && { maybeDuplicates }),
    };
    return Object.keys(inherited).length > 0
      ? { ...part, refs: { ...marks(part.refs), ...inherited } }
      : part;
  });
}
