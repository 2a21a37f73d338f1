/** What is known of earlier tries of a write, whether it may be tried again, and what its parts inherit. Pure. */
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { DerivedWrite } from '../../ledger/writes/settlements.ts';
import type { Doubt } from './definition.ts';

interface Past {
  /** A part of a batch that may have been applied in part. */
  readonly halved?: true;
  /** In doubt once, and opened again by a person (`resolve` in the ledger). */
  readonly resent?: true;
}

type Write = Pick<OpenWrite, 'refs'>;

const pastOf = (refs: unknown): Past => (refs as Past | null) ?? {};

/**
 * decisions.md 15: the same batch sent again, or records that may have been applied. A person who says "send it again"
 * permits that; what CXone then calls duplicates may be ours all the same.
 */
export function doubtOf(write: Write, unanswered: number): Doubt {
  const { halved, resent } = pastOf(write.refs);
  if (halved || resent) return 'parts';
  return unanswered > 0 ? 'whole' : 'none';
}

/** A person's word is good for one try: when that one's answer is lost too, the next word is needed. */
export function mayBeSent(write: Write, unanswered: number, isRepeatable: boolean): boolean {
  if (isRepeatable || doubtOf(write, unanswered) === 'none') return true;
  return pastOf(write.refs).resent === true && unanswered === 0;
}

/** The word holds for the halves of the batch as well, or a person would be asked for each of them. */
export function inherit(write: Write, derived: readonly DerivedWrite[]): DerivedWrite[] {
  const { resent } = pastOf(write.refs);
  return derived.map((part) =>
    resent && pastOf(part.refs).halved ? { ...part, refs: { ...pastOf(part.refs), resent } } : part,
  );
}
