/** The one write of a selection update: what is claimed, and how it ends. */
import type { Message } from '../../domain/messages.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Claim, Claimed } from '../writes/claims.ts';

/** The one record of a selection update is the selection. */
export const THE_SELECTION = 1;
export const PATCH = 'patch';

export interface ClaimSelection extends Claim {
  /**
   * How many answers had been lost when the write was read. If the claim finds another number, another attempt has claimed
   * the write in the meantime.
   */
  readonly lostAnswers: number;
  /** What is about to be sent, and the snapshot that it was made from. */
  readonly sent: { readonly snapshot: string; readonly selection: unknown; readonly sha256: string };
  /**
   * Not null: the payload differs from the one that may have been applied. The write is then settled as outdated, and its
   * successor is claimed instead.
   */
  readonly replaces: Replaced | null;
}

export interface Replaced extends Pick<SelectionSettlement, 'attempts' | 'audit'> {
  /** The successor's `refs`. */
  readonly refs: unknown;
}

export type ClaimedSelection =
  /** `id`: the write that was claimed. */
  | (Extract<Claimed, { verdict: 'claimed' }> & { readonly id: string })
  | Exclude<Claimed, { verdict: 'claimed' }>
  /** Another attempt has claimed or settled the write since it was read. */
  | { readonly verdict: 'overtaken' };

export interface SelectionSettlement {
  readonly runNo: number;
  readonly writeId: string;
  /** null: the write is settled without a claim, because nothing has to be sent. */
  readonly fence: number | null;
  /** As they were when the write was read. Without a claim, another number means that another attempt has claimed it. */
  readonly attempts: number;
  /** `outdated`: settled without an outcome, and a successor takes its place. */
  readonly outcome: Outcome | 'outdated';
  /**
   * For `outdated`. True: the successor need not find out whether this write was applied, because it certainly was not, or
   * because that has been decided.
   */
  readonly isDecided?: boolean;
  readonly reasons?: readonly Reason[];
  readonly evidence?: string | null;
  readonly httpStatus?: number | null;
  readonly latencyMs?: number | null;
  readonly requestId?: string | null;
  /** How long the request took by CXone's own account. */
  readonly cxoneMs?: number | null;
  /** What CXone says beyond the selection; see Settlement. */
  readonly messages?: readonly Message[];
  /** The version that the PATCH has made, if it was applied. */
  readonly written?: { readonly version: number } | null;
  readonly conflicts?: unknown;
  readonly audit: { readonly action: string; readonly data: Readonly<Record<string, unknown>> };
  /** `body` renders the event from its ids. null: no event. */
  readonly event: { readonly name: string; readonly body: (ids: EventIds) => string } | null;
}

export interface EventIds {
  readonly eventId: string;
  readonly auditId: string;
  readonly at: Date;
}
