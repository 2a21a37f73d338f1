/** One attempt to write a selection: its inputs, its rules and its result. */
import type { ShownConflict } from '../../contract/steering.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import type { Outcome } from '../../domain/run.ts';
import { type ContactSelection, readSelection } from '../../domain/selection-update/selection.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Snapshot } from '../../ledger/selections/campaigns.ts';
import type { SelectionUpdate } from '../../ledger/selections/selections.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';
import type { WriteRules } from '../engine/write-definition.ts';
import type { Webhooks } from '../outbox/deliver.ts';
import type { ComplianceFlags } from './audit.ts';
import type { ResolvedPlace } from './desired.ts';
import type { LostWrite } from './lost-write.ts';

export interface SelectionDeps {
  readonly ledger: Ledger;
  readonly cxone: Pick<Cxone, 'outbound'>;
  readonly rateLimiter: RateLimiter;
  readonly holder: string;
  readonly draining: AbortSignal;
  readonly webhooks: Webhooks;
}

/**
 * The PATCH is guarded by the campaign's version: one whose answer was lost is looked for in CXone before anything is sent
 * again, and an outdated one is refused with 409. So it may be repeated. Deadline: docs/cxone-contract.md#deadlines-and-limits.
 */
export const PATCH_RULES: WriteRules = { repeatable: true, claimAhead: false, deadlineMs: 20_000 };

export type SelectionWritten =
  /** The record has its outcome. `existing`: nothing had to be changed. */
  | { readonly kind: 'done'; readonly outcome: Outcome; readonly version: number | null }
  /** Somebody else has written since we read the campaign, or may have: read it again. */
  | { readonly kind: 'outdated'; readonly version: number | null }
  /** Nothing was sent. */
  | { readonly kind: 'conflict'; readonly conflicts: readonly ShownConflict[] }
  /** 400. `message`: where to find CXone's. The record is rejected. */
  | { readonly kind: 'refused'; readonly message: string }
  /** It has always failed, and CXone does not have it. The record is rejected. */
  | { readonly kind: 'given_up'; readonly message: string }
  /** Paused or stopped: nothing was sent. */
  | { readonly kind: 'halted' }
  /** The run requires an approval, and more would be written than the approved plan showed: nothing was sent. */
  | { readonly kind: 'unplanned' };

/** Everything that one attempt is about. */
export interface SelectionAttempt {
  readonly run: Run;
  readonly update: SelectionUpdate;
  readonly write: OpenWrite;
  /** The campaign as CXone has it now. */
  readonly theirs: Snapshot;
  /** An earlier attempt was sent, and its answer was lost. */
  readonly lost: LostWrite | null;
}

export interface Payload {
  readonly selection: ContactSelection;
  readonly sha256: string;
  readonly flags: ComplianceFlags;
  readonly resolved: readonly ResolvedPlace[];
}

export const theirSelection = ({ theirs }: Pick<SelectionAttempt, 'theirs'>): ContactSelection =>
  readSelection(theirs.selection);

/** Exclusions that the desired selection removes, or turns into targets. */
export function removedExclusions({ base, desired }: SelectionUpdate): string[] {
  const [before, ours] = [readSelection(base), readSelection(desired)];
  const removed = before.exclusionListIds.filter((id) => !ours.exclusionListIds.includes(id));
  return [...removed, ...ours.targetListIds];
}
