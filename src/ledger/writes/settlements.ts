/** Settlements: what the answer to a write means for its records. */
import type { Message } from '../../domain/messages.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Executor } from '../database.ts';

/** Records of one write that share an outcome. */
export interface SettledGroup {
  readonly outcome: Outcome;
  readonly seqs: readonly number[];
  readonly reasons?: readonly Reason[];
  readonly evidence?: string;
  /** CXone's id of each record, in the order of `seqs`; null where it is not known. */
  readonly cxoneIds?: readonly (string | null)[];
}

/**
 * A write for some records of the settled one: sent again without the others, in halves, or as updates. Its records keep the
 * order that they have there.
 */
export interface DerivedWrite {
  readonly kind: string;
  readonly seqs: readonly number[];
  readonly refs?: unknown;
  /** It is not to be tried before this moment: ISO 8601. Default: at once. */
  readonly notBefore?: string;
}

/** More to store in the transaction of a settlement. It must be quick, because the write is locked meanwhile. */
export type InSettleTransaction = (tx: Executor) => Promise<void>;

export interface Settlement {
  /** Of the write. Only settlements of the same run wait for each other. */
  readonly runNo: number;
  /** The write. */
  readonly id: string;
  readonly fence: number;
  readonly state: 'settled' | 'in_doubt';
  /** Together with `derived` they must contain each record of the write exactly once. */
  readonly groups: readonly SettledGroup[];
  readonly derived: readonly DerivedWrite[];
  readonly httpStatus: number | null;
  /** null: there was no answer. */
  readonly latencyMs: number | null;
  readonly requestId: string | null;
  /** CXone's id of the answer. Default: it has none. */
  readonly cxoneId?: string | null;
  /**
   * What CXone says beyond single records. Default: nothing. The audit gets only the number of texts that the run did not
   * have yet.
   */
  readonly messages?: readonly Message[];
  /** The audit entry, without personal data. */
  readonly audit: Readonly<Record<string, unknown>>;
  /** The name of the event that subscribers receive, or null. */
  readonly event: string | null;
  /** Only called when the fence is current. */
  readonly inSettleTransaction?: InSettleTransaction | undefined;
}

export function countOutcomes(groups: readonly SettledGroup[]): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const { outcome, seqs } of groups) counts[outcome] = (counts[outcome] ?? 0) + seqs.length;
  return counts;
}
