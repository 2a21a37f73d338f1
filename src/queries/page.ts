/** How many rows a page has unless somebody asks for another number. */
export const ROWS_PER_PAGE = 20;

/** A part of a list that is read page by page, the newest first. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** How many older ones there are. */
  readonly older: number;
}

/** `countOlder` is not called for a page that is not full, because nothing follows it. */
export async function toPage<Row>(
  rows: readonly Row[],
  limit: number,
  countOlder: (oldest: Row) => Promise<number>,
): Promise<Page<Row>> {
  const oldest = rows.at(-1);
  const isFull = oldest !== undefined && rows.length === limit;
  return { rows, older: isFull ? await countOlder(oldest) : 0 };
}
