/** What clients, workflows and activities need to know about an operation. Pure, because workflow code imports it. */
import type { Checked } from './input.ts';
import type { CommonInput } from './run.ts';

export interface OperationSpec<Kind extends string = string, Input extends CommonInput = CommonInput> {
  /** The workflow type, and the kind that the ledger records for a run. */
  readonly kind: Kind;
  /** Prefix of run ids and first part of business keys, e.g. `contact-import`. */
  readonly stem: string;
  /** Every problem of an input at once, each naming its field; any Temporal client may have sent it. */
  check(value: unknown): Checked<Input>;
  /** What the run writes to, e.g. a list id. */
  target(input: Input): string;
  /**
   * The options that change what is written, with their defaults filled in. Two runs with the same target, content and
   * fingerprint are the same run.
   */
  fingerprint(input: Input): unknown;
  /** For the Web UI, e.g. `Contact import to list L1`. */
  title(input: Input): string;
  /**
   * `once`: the same run is never executed again unless the input says `again`. `while_open`: it is the same run only
   * until it has completed, because its target may have changed by then.
   */
  readonly identity: 'once' | 'while_open';
  /**
   * What is wrong with the columns of a source; `columns` is null for NDJSON and JSON, where each row has its own keys.
   * Absent for an operation that reads no source.
   */
  readonly columnProblems?: (
    columns: readonly string[] | null,
    map: Readonly<Record<string, string>>,
  ) => readonly string[];
}

export type OperationSpecs = Readonly<Record<string, OperationSpec>>;
export type InputOf<Spec> = Spec extends OperationSpec<string, infer Input> ? Input : never;
