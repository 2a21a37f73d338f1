/** What lets an erasure find a data subject without reading every row, and what is left of a run that was purged. */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
-- Which words occur in a block of consecutive records, as a Bloom filter (words.ts). Records without a block, which an
-- older worker has staged, are read one by one.
create table record_blocks (
  run_no integer not null references runs on delete cascade,
  first_seq integer not null,
  last_seq integer not null,
  words bytea not null,
  primary key (run_no, first_seq)
);
-- Uncompressed, so that single bytes can be read.
alter table record_blocks alter column words set storage external;

-- Null: unknown.
alter table dataset_chunks add column words bytea;
alter table dataset_chunks alter column words set storage external;

create function may_contain(p_words bytea, p_hash bigint) returns boolean
language sql immutable parallel safe as $$
  select get_byte(substring(p_words from (p_hash % (octet_length(p_words) * 8::bigint) / 8)::integer + 1 for 1), 0)
    & (1 << (p_hash % (octet_length(p_words) * 8::bigint) % 8)::integer) <> 0
$$;

-- When the rows of an ended run were deleted, and what its records had become.
alter table runs add column purged_at timestamptz, add column purged_counts json;

-- Results that exist already count as from today.
alter table eligibility_results add column checked_at timestamptz not null default now();
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
