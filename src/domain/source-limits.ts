/** How large a row of a source may be: more is a broken row, and the rows around it are read. Pure. */

export interface SourceLimits {
  /** Of one row in UTF-8, without the line end. */
  readonly maxRowBytes: number;
  /** Of one cell, or of one text in a JSON object. */
  readonly maxFieldCharacters: number;
  /** Of a header, or the keys of one JSON object. */
  readonly maxColumns: number;
}

/** Far above any contact; low enough that a batch of the largest rows fits into memory many times. */
export const DEFAULT_SOURCE_LIMITS: SourceLimits = {
  maxRowBytes: 1_000_000,
  maxFieldCharacters: 100_000,
  maxColumns: 1_000,
};

/** What an operator may raise them to, and the least that makes sense: [least, most]. */
export const SOURCE_LIMIT_RANGES: Readonly<Record<keyof SourceLimits, readonly [number, number]>> = {
  maxRowBytes: [1_000, 16_000_000],
  maxFieldCharacters: [100, 16_000_000],
  maxColumns: [10, 10_000],
};
