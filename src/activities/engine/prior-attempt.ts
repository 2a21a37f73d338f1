/** What is known of earlier attempts at a write, whether it may be sent again, and what its parts inherit. Pure. */
import type { DerivedWrite } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';

/**
 * - `none`: it was never sent.
 * - `batch`: the same batch was sent, and its answer was lost; or its worker died, perhaps before it sent it.
 * - `some_records`: some of its records may have been applied by another write.
 */
export type PriorAttempt = 'none' | 'batch' | 'some_records';

/** Of a write, as far as it matters here. */
export type LostAnswers = Pick<OpenWrite, 'lostAnswers'>;

/** Stored with a derived write. */
export interface HalvedRefs {
  /** A part of a batch that may have been applied in part. */
  readonly halved?: true;
}

interface Marks extends HalvedRefs {
  /** It was in doubt, and a person decided to send it again. */
  readonly resent?: true;
}

type Write = Pick<OpenWrite, 'refs'>;

const marks = (refs: unknown): Marks => (refs as Marks | null) ?? {};

/** What CXone calls duplicates after a person's "resend" may still be our own records (docs/adr/0014-lost-answers.md). */
export function classifyPriorAttempt(write: Write, { lostAnswers }: LostAnswers): PriorAttempt {
  const { halved, resent } = marks(write.refs);
  if (halved || resent) return 'some_records';
  return lostAnswers === 0 ? 'none' : 'batch';
}

/** Before it is claimed again: CXone may have some of its records. */
export function mayBeApplied(write: Pick<OpenWrite, 'refs' | 'state' | 'lostAnswers'>): boolean {
  return write.state === 'sending' || classifyPriorAttempt(write, write) !== 'none';
}

/** A person's decision to resend permits one attempt: if that answer is lost too, they are asked again. */
export function maySend(write: Write, lost: LostAnswers, repeatable: boolean): boolean {
  if (repeatable || classifyPriorAttempt(write, lost) === 'none') return true;
  return marks(write.refs).resent === true && lost.lostAnswers === 0;
}

/** The decision extends to the halves of the batch, or a person would be asked about each of them. */
export function inheritMarks(write: Write, derived: readonly DerivedWrite[]): DerivedWrite[] {
  const { resent } = marks(write.refs);
  return derived.map((part) =>
    resent && marks(part.refs).halved ? { ...part, refs: { ...marks(part.refs), resent } } : part,
  );
}

/** For the parts of a write: if it may have been applied, so may they. Undefined: it was never sent. */
export function halvedRefs(priorAttempt: PriorAttempt): HalvedRefs | undefined {
  return priorAttempt === 'none' ? undefined : { halved: true };
}

/** For the parts of a write that is divided without being sent. */
export function partRefs({ refs, priorAttempt }: { refs: unknown; priorAttempt: PriorAttempt }): object {
  return { ...marks(refs), ...halvedRefs(priorAttempt) };
}
