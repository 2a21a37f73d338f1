/** The port to the results of checking a file of contacts: row numbers and reasons. The rows stay in their dataset. */

export interface EligibilityResults {
  /** A row that has a result keeps it. */
  add(checkId: string, results: readonly EligibilityResult[]): Promise<void>;

  /** How many rows have a result. */
  count(checkId: string): Promise<number>;

  /** Returns for a row number whether the row had a result when this was called. */
  answeredRows(checkId: string): Promise<(seq: number) => boolean>;

  tally(checkId: string): Promise<EligibilityTally>;

  /** In the order of the rows. Memory stays flat. */
  list(checkId: string): AsyncIterable<EligibilityResult>;
}

export interface EligibilityResult {
  /** The number of the row, from 1. */
  readonly seq: number;
  readonly eligible: boolean;
  readonly reason: string;
}

export interface EligibilityTally {
  readonly eligible: number;
  /** Rows that are not eligible, by reason. */
  readonly ineligible: Readonly<Record<string, number>>;
}
