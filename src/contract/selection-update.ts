/** Selection update: which contacts a campaign dials. */
import { isObject } from '../domain/json.ts';
import { changeProblems, type SelectionChange } from '../domain/selection-update/change.ts';
import {
  type ContactSelection,
  describeProblem,
  selectionProblems,
} from '../domain/selection-update/selection.ts';
import {
  type Checked,
  type ChecksOf,
  COMMON_FIELDS,
  checkFields,
  duration,
  identifier,
  idText,
  oneOf,
} from './input.ts';
import type { CommonInput, DeliveredEvents, RunResult } from './run.ts';
import type { OperationSpec } from './spec.ts';

/** `ours` means the same as `mine`. */
export type OnConflict = 'merge' | 'ask' | 'mine' | 'ours' | 'theirs';

/** Exactly one of `selection`, `change` and `rollbackOf`. */
export interface SelectionUpdateInput extends CommonInput {
  readonly campaignId: string;
  /** The whole desired selection. */
  readonly selection?: Partial<ContactSelection>;
  /** A part of it, so that two teams can each change theirs. A rule that is added replaces none unless it is removed as well. */
  readonly change?: SelectionChange;
  /** Undo what this run wrote, and nothing that others have changed since. */
  readonly rollbackOf?: string;
  /**
   * With `selection`: the version of the campaign that it was edited from, as `cxflow selection show` printed it.
   * Changes that others made since then are kept. Default: the version at the start of the run.
   * @asType integer
   */
  readonly baseVersion?: number;
  /**
   * When somebody else changed the same place differently: fail (`merge`, the default), wait for an answer, or take a
   * side.
   */
  readonly onConflict?: OnConflict;
  /** With `onConflict: "ask"`: fail after this time. Default: wait for ever. */
  readonly conflictDeadline?: string;
}

export interface SelectionUpdateResult extends RunResult {
  readonly kind: 'selectionUpdate';
  readonly dryRun: boolean;
  readonly campaignId: string;
  /**
   * Versions of the campaign: the one that the desired selection was compared with, the one that was overwritten, and
   * the one that this created. Null if nothing was written.
   */
  readonly version: {
    readonly base: number;
    readonly before: number | null;
    readonly after: number | null;
  } | null;
  /** SHA-256 of the canonical JSON (RFC 8785) of the selection that was sent. */
  readonly payloadHash: string | null;
  /** PATCH requests that were answered, and their mean duration. */
  readonly requests: number;
  readonly averageLatencyMs: number;
  readonly successRatePercent: number;
  /**
   * Over all updates of this campaign so far, this one included: milliseconds, percent, and updates that have written or
   * failed. null where there is nothing to divide by (docs/metrics.md).
   */
  readonly metrics: {
    readonly averageLatency: number | null;
    readonly successRate: number | null;
    readonly totalOperations: number;
    readonly successCount: number;
    readonly failureCount: number;
  };
  readonly events: DeliveredEvents;
}

const FIELDS = {
  campaignId: identifier,
  // findSelectionProblems checks these two.
  selection: () => null,
  change: () => null,
  rollbackOf: idText,
  baseVersion: (value: unknown) => (Number.isSafeInteger(value) ? null : 'must be a whole number'),
  onConflict: oneOf('merge', 'ask', 'mine', 'ours', 'theirs'),
  conflictDeadline: duration,
  ...COMMON_FIELDS,
} satisfies ChecksOf<SelectionUpdateInput>;

const ALTERNATIVES = ['selection', 'change', 'rollbackOf'] as const;

export const selectionUpdate: OperationSpec<'selectionUpdate', SelectionUpdateInput> = {
  kind: 'selectionUpdate',
  stem: 'selection-update',
  identity: 'while_open',
  check: checkInput,
  target: ({ campaignId }) => campaignId,
  title: ({ campaignId, rollbackOf }) =>
    `${rollbackOf === undefined ? 'Selection update' : 'Selection rollback'} of campaign ${campaignId}`,
  fingerprint({ selection, change, rollbackOf, baseVersion, onConflict }) {
    return {
      selection: selection ?? null,
      change: change ?? null,
      rollbackOf: rollbackOf ?? null,
      baseVersion: baseVersion ?? null,
      onConflict: onConflict === 'ours' ? 'mine' : (onConflict ?? 'merge'),
    };
  },
};

function checkInput(value: unknown): Checked<SelectionUpdateInput> {
  return checkFields(value, FIELDS, ['campaignId'], isObject(value) ? findSelectionProblems(value) : []);
}

function findSelectionProblems(value: Record<string, unknown>): string[] {
  const { selection, change, baseVersion } = value;
  const isEdited = baseVersion !== undefined;
  const problems = [
    ...(selection === undefined
      ? []
      : selectionProblems(selection, 'selection', isEdited).map(describeProblem)),
    ...(change === undefined ? [] : changeProblems(change).map(describeProblem)),
  ];
  const given = ALTERNATIVES.filter((field) => value[field] !== undefined);
  if (given.length !== 1) problems.push(`the input must have exactly one of ${ALTERNATIVES.join(', ')}`);
  if (isEdited && selection === undefined)
    problems.push('baseVersion needs selection: a change is applied to the campaign as it is');
  return problems;
}

/** A small workflow that reads a campaign so that a person can see it: only workers hold CXone's credentials. */
export const CAMPAIGN_SELECTION = 'campaignSelection';
export interface CampaignSelectionInput {
  readonly campaignId: string;
}
/** The selection itself is in the ledger, as this snapshot. */
export interface CampaignSelectionResult {
  readonly snapshot: string;
  readonly version: number;
}

export function checkCampaignSelection(value: unknown): Checked<CampaignSelectionInput> {
  return checkFields(value, { campaignId: identifier }, ['campaignId']);
}
