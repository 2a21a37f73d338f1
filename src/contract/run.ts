/** What all operations have in common: their source, options and result. */
import type { Counts, RunState } from '../domain/run.ts';

export const TASK_QUEUE = 'cxflow';

/** Typed search attributes, all of the type Keyword. Never personal data. */
export const SEARCH_ATTRIBUTES = ['CxflowKind', 'CxflowTarget', 'CxflowPhase', 'CxflowRequestedBy'] as const;

export type SourceFormat = 'csv' | 'ndjson' | 'json' | 'xlsx';
/** Of a text file. Default: that of its byte order mark, otherwise UTF-8. Any other encoding must be given; it is never guessed. */
export type SourceEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'latin1';

/**
 * Where rows come from: a file below the worker's CXFLOW_SOURCE_DIR, a dataset that the client staged, or the rows that an
 * earlier run left undone (rejected, conflict, cancelled, pending). A retry does not inherit the earlier run's options.
 */
export type Source =
  | {
      readonly path: string;
      readonly format?: SourceFormat;
      readonly encoding?: SourceEncoding;
      /**
       * The sheet of a workbook: its name, or its number among the visible ones, from "1". Default: the only visible sheet that
       * has cells with values.
       */
      readonly sheet?: string;
      readonly map?: Readonly<Record<string, string>>;
    }
  | { readonly dataset: string; readonly map?: Readonly<Record<string, string>> }
  | { readonly retryOf: string };

export type OnInDoubt = 'ask' | 'leave' | 'resend';
export type Notify = 'batch' | 'page' | 'run';

/** Options of every operation. */
export interface CommonInput {
  /** Wait for `approve` or `reject` after the plan. Default false. */
  readonly approval?: boolean;
  /** Treat the plan as rejected after this time: a Temporal duration, e.g. "3 days". Default: wait for ever. */
  readonly approvalDeadline?: string;
  /** Stop after the plan; nothing is written to CXone. Default false. */
  readonly dryRun?: boolean;
  /** Who asked for it: a login or the name of a service, no further personal data. */
  readonly requestedBy?: string;
  /** What to do about writes whose answer was lost and that cannot be repeated safely. Default `ask`. */
  readonly onInDoubt?: OnInDoubt;
  /** With `onInDoubt: "ask"`: leave them in doubt after this time. Default: wait for ever. */
  readonly inDoubtDeadline?: string;
  /** Run even if the same content was written to the same target before. Default false. */
  readonly again?: boolean;
  /** How many events are delivered: one per batch, page or run. Default `batch`. */
  readonly notify?: Notify;
}

/** Events that subscribers have received, and those that are still in the outbox. */
export interface DeliveredEvents {
  readonly delivered: number;
  readonly undelivered: number;
}

/** What every run returns: ids, counts, times and hashes only, since Temporal's history keeps it. */
export interface RunResult {
  readonly runId: string;
  /** The workflow type. */
  readonly kind: string;
  readonly state: RunState;
  readonly counts: Counts;
  readonly planHash: string | null;
  /** The run that this one retried. */
  readonly retryOf?: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** What every operation returns that writes its records in batches. */
export interface BulkResult extends RunResult {
  readonly dryRun: boolean;
  /** Over all records, two decimals. */
  readonly successRatePercent: number;
  /** Mean duration of a batch's request. */
  readonly averageLatencyMs: number;
  /** Requests that were answered, including batches that were sent again whole or in part. */
  readonly requests: number;
  readonly events: DeliveredEvents;
}
