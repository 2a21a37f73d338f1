/** Planned writes that CXone may have applied already, at least in part. */
import { type RawBuilder, sql } from 'kysely';

/**
 * As a condition on the table `writes`, or on its alias: planned, and made from a write that was sent. Its `refs` show it:
 * `halved` and `resent` (activities/engine/prior-attempt.ts), `maybeOwn` (activities/contact-import/answers.ts),
 * and `batchKey`, which was sent, without `decided`, which means that CXone did not apply it
 * (activities/preference-update/answers.ts).
 */
export function maybeApplied(writes = 'writes'): RawBuilder<boolean> {
  const [state, refs] = [sql.ref(`${writes}.state`), sql.ref(`${writes}.refs`)];
  return sql<boolean>`(${state} = 'planned' and (
    ${refs}::jsonb ?| array['halved', 'resent', 'maybeOwn']
    or (${refs}->>'batchKey' is not null and ${refs}->>'decided' is distinct from 'true')))`;
}
