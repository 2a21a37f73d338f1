/**
 * What a caller may say to cxflow, from any Temporal client in any language: names, inputs, results.
 * The only file that clients, the CLI and workflows share. No zod here: workflows import it (930 KiB in the bundle).
 */
import type { Channel, ConsentPolicy } from '../domain/consent/eligibility.ts';
import type { Counts, Phase, RunState } from '../domain/run.ts';
import type { SelectionChange } from '../domain/selection-update/change.ts';
import type { ContactSelection } from '../domain/selection-update/selection.ts';

export type { Channel, ConsentPolicy, Eligibility } from '../domain/consent/eligibility.ts';
export type { Erased } from '../domain/consent/erasure.ts';

export const TASK_QUEUE = 'cxflow';

export const WORKFLOW_TYPES = ['contactImport', 'preferenceUpdate', 'selectionUpdate'] as const;
export type Kind = (typeof WORKFLOW_TYPES)[number];

/** Prefix of the run ids of each kind: `contact-import:L1:3f9a…`. */
export const RUN_ID_PREFIX: Readonly<Record<Kind, string>> = {
  contactImport: 'contact-import',
  preferenceUpdate: 'preference-update',
  selectionUpdate: 'selection-update',
};

/** Typed search attributes, all of the type Keyword. Never personal data. */
export const SEARCH_ATTRIBUTES = ['CxflowKind', 'CxflowTarget', 'CxflowPhase', 'CxflowRequestedBy'] as const;

export type SourceFormat = 'csv' | 'ndjson' | 'json';
/** Of a file; without it UTF-8, or what a byte order mark says. Others are refused, never guessed. */
export type SourceEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'latin1';

/**
 * Where rows come from: a file below the worker's CXFLOW_SOURCE_DIR, a dataset staged by the client, or the rows that
 * an old run left undone: rejected, conflict, cancelled, pending (decisions.md 2). The options are not the old run's:
 * give `existing` and `dedupe` again where they were given to it.
 */
export type Source =
  | {
      readonly path: string;
      readonly format?: SourceFormat;
      readonly encoding?: SourceEncoding;
      readonly map?: Readonly<Record<string, string>>;
    }
  | { readonly dataset: string; readonly map?: Readonly<Record<string, string>> }
  | { readonly retryOf: string };

export type OnInDoubt = 'ask' | 'leave' | 'resend';
export type Notify = 'batch' | 'page' | 'run';

/** Options that every kind of run has. */
export interface CommonInput {
  /** Wait for `approve` or `reject` after the plan. Default false. */
  readonly approval?: boolean;
  /** Give up waiting for the approval after so long, as a rejection: a Temporal duration, e.g. "3 days". Default: wait for ever. */
  readonly approvalDeadline?: string;
  /** Stop after the plan; nothing is written to CXone. Default false. */
  readonly dryRun?: boolean;
  /** Who asked for it; a login or a service's name, not personal data beyond that. */
  readonly requestedBy?: string;
  /** What to do about writes whose answer never came and that cannot be repeated safely. Default `ask`. */
  readonly onInDoubt?: OnInDoubt;
  /** With `onInDoubt: "ask"`: leave them in doubt after so long. Default: wait for ever. */
  readonly inDoubtDeadline?: string;
  /** Run although the same content went to the same target before. Default false. */
  readonly again?: boolean;
  /** How often the CRM is told. Default `batch`. */
  readonly notify?: Notify;
}

export type Existing = 'skip' | 'update';
export type Dedupe = 'either' | 'contactId' | 'phone' | 'both';

export interface ContactImportInput extends CommonInput {
  readonly listId: string;
  readonly source: Source;
  /** Contacts that CXone already has: leave alone, or update. Default `skip`. */
  readonly existing?: Existing;
  /** What makes two rows of the source the same contact. Default `either`. */
  readonly dedupe?: Dedupe;
  /** Import only whom CXone's preferences let us reach on this channel; the rest becomes `ineligible`. Default: not asked. */
  readonly requireConsent?: Channel;
  /** With `requireConsent`: by which rules. Default `default`. */
  readonly policy?: ConsentPolicy;
}

/** Consent preferences (tutorial S0). They belong to the tenant: `PREFERENCES_TARGET` stands where others have a list. */
export interface PreferenceUpdateInput extends CommonInput {
  readonly source: Source;
  /** Read what CXone has first, so that no opt-in overwrites a newer withdrawal; such a record is a `conflict`. Default true. */
  readonly guard?: boolean;
}

export const PREFERENCES_TARGET = 'preferences';

/** May this contact be reached on this channel now? The facts beside the preference count under `strict` only. */
export interface EligibilityCheckInput {
  /** A GUID. */
  readonly contactId: string;
  readonly channel: Channel;
  readonly policy?: ConsentPolicy;
  readonly optInStatus?: 'confirmed' | 'pending';
  /** IANA name, e.g. `America/New_York`. */
  readonly timeZone?: string;
}

/** The same of every row of a dataset: `contactId`, and where there are such columns `channel`, `optInStatus`, `timeZone`. */
export interface EligibilityListInput {
  /** As the client staged it. */
  readonly dataset: string;
  /** Field → column, where a column has another name. */
  readonly map?: Readonly<Record<string, string>>;
  /** For all rows, whatever their columns say. Without it each row has its own. */
  readonly channel?: Channel;
  readonly policy?: ConsentPolicy;
}
/** What each row is stands in the ledger under the workflow's id. */
export interface EligibilityListResult {
  readonly checkId: string;
  readonly eligible: number;
  /** Reason → rows. */
  readonly ineligible: Readonly<Record<string, number>>;
  readonly ruleVersion: string;
  readonly policy: ConsentPolicy;
}

/** One person out of the ledger. The id is in a dataset of one row, so that Temporal's history never has it. */
export interface ErasureInput {
  /** NDJSON with one row: `contactId`. Goes with the rest. */
  readonly dataset: string;
  readonly requestedBy?: string;
}

export type OnConflict = 'merge' | 'ask' | 'mine' | 'theirs';

/** Exactly one of `selection`, `change` and `rollbackOf`. */
export interface SelectionUpdateInput extends CommonInput {
  readonly campaignId: string;
  /** The whole selection that is wished. */
  readonly selection?: Partial<ContactSelection>;
  /** A part of it, so that two teams can each change theirs. */
  readonly change?: SelectionChange;
  /** Undo what this run wrote, and nothing that others did since. */
  readonly rollbackOf?: string;
  /**
   * With `selection`: the version of the campaign that it was made from, as `cxflow selection show` printed it. What
   * others changed since then stays. Without it the wish is measured from the campaign as it is at the start.
   */
  readonly baseVersion?: number;
  /** The same place changed by somebody else, differently: fail, wait for an answer, or take a side. Default `merge`: fail. */
  readonly onConflict?: OnConflict;
  /** With `onConflict: "ask"`: fail after so long. Default: wait for ever. */
  readonly conflictDeadline?: string;
}

/** What every run returns. Of ids, counts, times and hashes only: it stands in Temporal's history. */
export interface RunResult {
  readonly runId: string;
  readonly kind: Kind;
  readonly state: RunState;
  readonly counts: Counts;
  readonly planHash: string | null;
  /** The run whose rows these were. */
  readonly retryOf?: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** What every bulk run returns. */
export interface BulkResult extends RunResult {
  readonly dryRun: boolean;
  /** Over all records, two decimals. */
  readonly successRatePercent: number;
  /** Mean time of a batch's request. */
  readonly averageLatencyMs: number;
  /** Batches that had an answer, those sent again in part or whole included. */
  readonly requests: number;
  /** CRM events: told, and not told (they stay in the outbox). */
  readonly events: { readonly delivered: number; readonly undelivered: number };
}

export interface ContactImportResult extends BulkResult {
  readonly kind: 'contactImport';
}

export interface PreferenceUpdateResult extends BulkResult {
  readonly kind: 'preferenceUpdate';
  /** Rows that broke a rule of consent. */
  readonly violations: number;
  /** Rows that broke none ÷ rows that were checked, two decimals; 100 where there was none. */
  readonly complianceRatePercent: number;
  /**
   * Opt-outs of this source that our own suppression list has: CXone did not take them, or the run ended before they were
   * there for certain. Those that a failed run keeps pending are on the list too, and counted here when they are settled.
   */
  readonly suppressions: number;
}

export interface SelectionUpdateResult extends RunResult {
  readonly kind: 'selectionUpdate';
  readonly dryRun: boolean;
  readonly campaignId: string;
  /** Of the campaign: what the wish was measured from, what was written over, and what came of it; null: nothing written. */
  readonly version: {
    readonly base: number;
    readonly before: number | null;
    readonly after: number | null;
  } | null;
  /** SHA-256 over the canonical JSON (RFC 8785) of the selection that was sent. */
  readonly payloadHash: string | null;
  /** PATCHes that had an answer, and their mean time. */
  readonly requests: number;
  readonly averageLatencyMs: number;
  readonly successRatePercent: number;
  /** Of all updates of this campaign so far. */
  readonly metrics: {
    readonly averageLatency: number;
    readonly successRate: number;
    readonly totalOperations: number;
  } | null;
  readonly events: { readonly delivered: number; readonly undelivered: number };
}

/** A small workflow that reads a campaign for a person to see: CXone's credentials are the worker's alone. */
export const CAMPAIGN_SELECTION = 'campaignSelection';
export interface CampaignSelectionInput {
  readonly campaignId: string;
}
/** The selection itself stands in the ledger, as this snapshot. */
export interface CampaignSelectionResult {
  readonly snapshot: string;
  readonly version: number;
}

// --- steering ---------------------------------------------------------------------------------------------

export const STEERING_ACTIONS = ['approve', 'reject', 'cancel', 'pause', 'resume', 'resolve'] as const;
/** Each is a signal of that name; the update `decide` takes the same with `action`, and refuses what makes no sense now. */
export type SteeringAction = (typeof STEERING_ACTIONS)[number];

export interface SteeringMessage {
  readonly by?: string;
  readonly reason?: string;
  /** approve: the plan that was seen. Without it: the plan now shown. */
  readonly planHash?: string;
  /** resolve: one write, or all without it. */
  readonly writeId?: string;
  /** resolve, of writes in doubt */
  readonly verdict?: 'resend' | 'leave';
  /** resolve, of conflicts in a selection: whose change counts, for all of them or place by place. */
  readonly answers?: Answers;
  /** resolve, of conflicts: the hashes of those that were seen. Without it: those now shown. */
  readonly seen?: readonly string[];
}
export type ConflictSide = 'mine' | 'theirs';
export type Answers = ConflictSide | Readonly<Record<string, ConflictSide>>;

/** A place that we and somebody else changed differently. Values as text, without what might be about a person. */
export interface ShownConflict {
  /** `lists/L1`, `filterRules/age/gte`, `priorityOrder`; or a whole part. */
  readonly place: string;
  readonly base: string;
  readonly theirs: string;
  readonly ours: string;
  /** Why both changes together cannot be, where it is not the same place. */
  readonly problem?: string;
  /** Of the three values: an answer counts for what was seen. */
  readonly hash: string;
}

export interface Decision extends SteeringMessage {
  readonly action: SteeringAction;
}

export const DECIDE_UPDATE = 'decide';
export const PROGRESS_QUERY = 'progress';

/** A signal that changed nothing, and why. */
export interface Refusal {
  readonly action: string;
  readonly by: string | null;
  readonly why: string;
  readonly at: string;
}

/** What the query `progress` answers. Counts are as of the last finished page; the ledger has those of this moment. */
export interface Progress {
  readonly runId: string;
  readonly kind: Kind;
  readonly phase: Phase;
  readonly counts: Counts;
  readonly planHash: string | null;
  /** What the run waits for, in words, or null. */
  readonly waitingFor: string | null;
  readonly since: string;
  readonly recordsPerSecond: number | null;
  readonly estimatedEnd: string | null;
  readonly refused: readonly Refusal[];
  /** What waits for an answer (`resolve` with `answers`). */
  readonly conflicts?: readonly ShownConflict[];
}

/** The types of failure a run can end with; none of them is retryable. `message` says what, where and what to do. */
export type RunFailureType =
  | 'InvalidInput'
  | 'AlreadyRun'
  | 'SourceUnreadable'
  | 'CredentialsRefused'
  | 'ScopeMissing'
  | 'NotFound'
  | 'Refused'
  | 'Conflict'
  | 'Bug';
