/** How many records are read at a time, so that memory stays flat. */
export const PAGE = 2_000;

/** A page ends with the row that exceeds this, so rows of several megabytes come a few at a time. */
export const PAGE_BYTES = 16_000_000;
