/** What a plan expects of its recipients, from what is known before anybody is asked. Pure. */
import { COMPLAINT, ERASED, HARD_BOUNCE } from '../consent/suppressions.ts';
import { formatCount, plural } from '../numbers.ts';

/** Why our own list has somebody. An objection is whatever else a person or a run has added. */
export const SUPPRESSED_BY = ['objection', 'complaint', 'erasure', 'hard_bounce'] as const;
export type SuppressedBy = (typeof SUPPRESSED_BY)[number];

/** The parts add up to the recipients that the plan would write to. */
export interface ExpectedOutcomes {
  /** At most: CXone's suppressions and consent are looked up when their batch leaves. */
  readonly sent: number;
  /** On our own list at this moment, each recipient once. Kinds that nobody has are absent. */
  readonly suppressed: readonly { readonly by: SuppressedBy; readonly n: number }[];
  /** Whose consent could not be looked up, because they have no contact id. */
  readonly ineligible: number;
}

const BY_REASON: Readonly<Record<string, SuppressedBy>> = {
  [HARD_BOUNCE]: 'hard_bounce',
  [COMPLAINT]: 'complaint',
  [ERASED]: 'erasure',
};

/** `reason`: of an entry of our own list. */
export const suppressedBy = (reason: string): SuppressedBy => BY_REASON[reason] ?? 'objection';

/** `at most 12 sent, 3 suppressed (1 complaint, 2 hard bounces), 1 ineligible` */
export function describeExpected({ sent, suppressed, ineligible }: ExpectedOutcomes): string {
  const n = suppressed.reduce((sum, each) => sum + each.n, 0);
  const kinds = suppressed.map((each) => plural(each.n, each.by.replaceAll('_', ' ')));
  return [
    `at most ${formatCount(sent)} sent`,
    ...(n === 0 ? [] : [`${formatCount(n)} suppressed (${kinds.join(', ')})`]),
    ...(ineligible === 0 ? [] : [`${formatCount(ineligible)} ineligible`]),
  ].join(', ');
}
