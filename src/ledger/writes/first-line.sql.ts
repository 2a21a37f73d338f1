/** Where a batch begins in the source. */
import { type RawBuilder, sql } from 'kysely';

/** The line of the first record of a write; `write` is the alias of its row. */
export const firstLine = (write = 'writes'): RawBuilder<number> => sql<number>`(
  select line from records first where first.run_no = ${sql.ref(`${write}.run_no`)}
    and first.seq = (select min(seq) from unnest(${sql.ref(`${write}.seqs`)}) seq))`;
