/** How large a source and its rows may be. A larger row is broken, but does not affect the others. Pure. */

export interface SourceLimits {
  /** The whole source, as text in UTF-8. A larger one is refused. */
  readonly maxSourceBytes: number;
  /** One row in UTF-8, without the line end. */
  readonly maxRowBytes: number;
  /** One cell, or one value of a JSON object. */
  readonly maxFieldCharacters: number;
  /** The columns of a header, or the keys of one JSON object. */
  readonly maxColumns: number;
}

/**
 * Of a row, far more than any contact needs, but small enough for many batches of the largest rows to fit into memory. Of a
 * source, millions of contacts, but not the disk of the database.
 */
export const DEFAULT_SOURCE_LIMITS: SourceLimits = {
  maxSourceBytes: 2_000_000_000,
  maxRowBytes: 1_000_000,
  maxFieldCharacters: 100_000,
  maxColumns: 1_000,
};

/** The smallest and largest value that an operator may set. */
export const SOURCE_LIMIT_RANGES: Readonly<Record<keyof SourceLimits, readonly [number, number]>> = {
  maxSourceBytes: [1_000_000, 100_000_000_000],
  maxRowBytes: [1_000, 16_000_000],
  maxFieldCharacters: [100, 16_000_000],
  maxColumns: [10, 10_000],
};
