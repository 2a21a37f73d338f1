/** The order of the records of an operation that ranks them. */
import { type RawBuilder, sql } from 'kysely';

/** For `order by`; `records` is the alias of the table. A total order: higher score, newer, lower line. */
export const byRank = (records: string): RawBuilder<unknown> => sql`
  ${sql.ref(`${records}.score`)} desc nulls last, ${sql.ref(`${records}.recency`)} desc nulls last,
  ${sql.ref(`${records}.line`)}, ${sql.ref(`${records}.seq`)}`;
