import { sql } from 'kysely';

/** What is left of a record that was erased. The column is `json`, so it keeps this text. */
export const ERASED_RECORD = '{"erased": true}';

/** A condition on `records r`: the row breaks no rule, and has not been erased. */
export const HAS_RECORD = sql<boolean>`(r.record::text <> ${ERASED_RECORD})`;
