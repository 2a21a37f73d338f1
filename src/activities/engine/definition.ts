/** What an operation brings to the engine: how its rows are read, its table of writes, its event. */
import type { BulkResult } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import type { Measures } from '../../domain/metrics.ts';
import type { Counts, Outcome, Reason, RunState } from '../../domain/run.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { DuplicateCandidate, DuplicateRow, Rank, RankedCandidate } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { WriteDefinition } from './write-definition.ts';

/** When a run pauses by itself, and asks a person to look into it. */
export interface PausesAfter {
  /** So many lost answers in a row, each of which has left a write in doubt. */
  readonly lostAnswers: number;
  /** So many writes in a row that CXone has refused for no fault of a record (Answer.refusesAll). */
  readonly refusals: number;
}

export interface OperationDefinition {
  readonly spec: OperationSpec;
  readonly event: EventDefinition;
  /** Fields of the result beyond those of every run, which is about to end in this state. */
  readonly result?: (run: Run, state: RunState, counted: Counted) => Promise<object>;
  /** The audit entry about the run as a whole, which has ended in this state with this result; null: none. */
  readonly auditEntry?: (run: Run, state: RunState, result: BulkResult) => AuditEntry | null;
  /** Called when a run is cancelled or rejected, before what is pending is cancelled. Repeatable. */
  readonly beforeEndingEarly?: (run: Run) => Promise<unknown>;
  /** Called when a run ends early and every record has its outcome, or when it failed. Repeatable. */
  readonly onEndedEarly?: (run: Run) => Promise<void>;
}

/** What is counted of every run that is about to end. */
export interface Counted {
  readonly counts: Counts;
  readonly measures: Measures;
}

/** Becomes part of the plan, so an approval binds to it. Without personal data. */
export interface PlanAddition {
  /** What somebody who approves the plan should know, as sentences. */
  readonly notes: readonly string[];
  /** Figures that only this operation has. */
  readonly figures: object;
}

/** Without personal data. */
export interface PlanNotes {
  /** What somebody who approves the plan should know, as sentences. They become part of it, so an approval binds to them. */
  readonly notes: readonly string[];
  /** Figures that change as time goes by, so that no approval binds to them. Absent: there are none. */
  readonly outlook?: object;
  /** The same figures in words, for Temporal's Web UI. */
  readonly forecast?: readonly string[];
}

/** Without personal data. */
export interface AuditEntry {
  readonly action: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An operation whose records are read from a source, and written in batches in the order of the source or of their rank. */
export type BulkDefinition = BulkOperation & FindsDuplicates;

/** `order` decides which candidates are offered. */
export type FindsDuplicates = InSourceOrder | InRankOrder;

interface InSourceOrder {
  readonly order?: 'source';
  /** The valid records that are duplicates of another one. Candidates come ordered by `seq`. */
  readonly findDuplicates: FindDuplicates<DuplicateCandidate>;
}

/**
 * Every row has a rank. The highest come first, and the requests leave strictly one after the other; only one that is repeated
 * comes later.
 */
interface InRankOrder {
  readonly order: 'rank';
  /** The pending records that are duplicates of another one. Candidates come ordered by rank. */
  readonly findDuplicates: FindDuplicates<RankedCandidate>;
}

type FindDuplicates<Candidate> = (
  run: Run,
  candidates: AsyncIterable<Candidate>,
) => AsyncIterable<DuplicateRow>;

interface BulkOperation extends OperationDefinition {
  /** By the kind of write that the ledger records. */
  readonly writes: Readonly<Record<string, WriteDefinition>>;
  readonly recordsPerBatch: number;
  /** That take a permit of the rate budget, for the plan. Default 1. */
  readonly requestsPerBatch?: number;
  /** Default: never. */
  readonly pausesAfter?: PausesAfter;
  /** The kind of write that the plan creates for each batch. */
  readonly firstWrite: (run: Run) => string;
  /** The values of a record that may identify a person. Their words are kept out of what CXone says beyond single records. */
  readonly personalValues: (record: unknown) => Iterable<string>;
  /**
   * Returns the function that reads one row by the rules of the domain. Throws SourceError if columns are missing.
   * `columns` is null for NDJSON and JSON; `map` is field → column.
   */
  readonly createReader: (
    run: Run,
    columns: readonly string[] | null,
    map: Readonly<Record<string, string>>,
  ) => RowReader;
  /** Called when all rows are staged, before duplicates are sought: settles records that must not be sent. Repeatable. */
  readonly screen?: (run: Run) => Promise<void>;
  /** Called when all rows are staged and the duplicate ones settled, before anything is planned. Repeatable. */
  readonly completeStaging?: (run: Run) => Promise<void>;
  /**
   * Called before the batches are cut: may settle pending records, or throw a fatal failure if the run must not write. Called
   * again when planning is repeated or the run is started again, and by then the batches may have been cut. Repeatable.
   */
  readonly prepare?: (run: Run) => Promise<PlanAddition>;
  /** Called when a plan is approved. If it is outdated, its records are screened and planned again, and the approval is void. */
  readonly recheck?: (run: Run) => Promise<Recheck>;
  /** For the plan. */
  readonly planNotes?: (run: Run) => Promise<PlanNotes>;
  /** The lookups that the run makes before it writes, for the plan; null if it makes none. */
  readonly countLookups?: (run: Run) => Promise<Lookups | null>;
}

export function definitionOf({ spec, writes }: BulkDefinition, { id, kind }: OpenWrite): WriteDefinition {
  const definition = writes[kind];
  if (!definition) throw new Error(`write ${id} is a ${kind}, which ${spec.kind} does not define`);
  return definition;
}

/** What an approved plan is checked against. */
export interface Recheck {
  /** Would the plan write to people who must not be contacted by now? */
  readonly isOutdated: boolean;
  /** Settles their records, by what was checked. Repeatable. */
  readonly screen: () => Promise<void>;
  /** What has changed since the plan was made, given the figures of the new one (PlanAddition), for those who approve it. */
  readonly describeChange: (figures: object | undefined) => readonly string[];
}

export type Endpoint = 'crm' | 'marketing';

/** What the subscriber receives: an event after each batch, or one for the whole run. */
export interface EventDefinition {
  readonly name: string;
  readonly endpoint: Endpoint;
  /**
   * The body of an event that lists its items; such events are never merged. Absent: the body holds cumulative metrics
   * (outbox/deliver.ts).
   */
  readonly renderItems?: (run: Run, event: OutboxEvent) => Promise<string>;
  /**
   * The body of the only event of a run, which is sent once every record has its outcome. Without personal data, because it is
   * stored when it is first rendered.
   */
  readonly renderRun?: (run: Run, event: OutboxEvent) => Promise<string>;
}

export type RowReader = (fields: Readonly<Record<string, unknown>>) => ReadRow;

export type ReadRow = (
  | {
      readonly record: unknown;
      /** In an operation that orders records by rank. */
      readonly rank: Rank;
      /** Two rows that share one are duplicates. */
      readonly keys: readonly string[];
    }
  | {
      readonly record: unknown;
      readonly key1: string;
      readonly key2: string;
      /** The row is valid, but must not be sent. */
      readonly settled?: { readonly outcome: Outcome; readonly reasons: readonly Reason[] };
    }
  /** The row is invalid: every reason. */
  | { readonly reasons: readonly Reason[] }
) & {
  /** They enter our own suppression list with the row, whatever becomes of it. */
  readonly objections?: readonly Objection[];
};

export interface Lookups {
  readonly requests: number;
  /** Records without a contact id that CXone could be asked about. */
  readonly withoutContactId: number;
}
