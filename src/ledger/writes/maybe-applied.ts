/** Writes whose records may stand in CXone although nothing of them is settled. */
import { type RawBuilder, sql } from 'kysely';

/**
 * As SQL, of planned writes: not sent as they now stand, but parts or repeats of a write that was, or a look at
 * what became of one. The marks are those of activities/engine/prior-attempt.ts (`halved`, `resent`), contact-answers.ts (`ownWrite`,
 * `maybeOwn`) and preference-answers.ts (`batchKey`: it went out; `decided`: and CXone said that it did not take it).
 */
export function maybeApplied(writes = 'writes'): RawBuilder<boolean> {
  const [state, refs] = [sql.ref(`${writes}.state`), sql.ref(`${writes}.refs`)];
  return sql<boolean>`(${state} = 'planned' and (
    ${refs}::jsonb ?| array['halved', 'resent', 'ownWrite', 'maybeOwn']
    or (${refs}->>'batchKey' is not null and ${refs}->>'decided' is distinct from 'true')))`;
}
