/** Adds entries to the audit that are not sealed yet. */
import type { Executor } from '../database.ts';
import { sha256 } from '../hashing.ts';

export interface NewAuditEntry {
  readonly runId: string;
  readonly action: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Names what the entry is about; of entries with the same run and key only one is sealed. Absent: nothing repeats it. */
  readonly key?: string | undefined;
}

export async function addAuditEntry(
  db: Executor,
  { runId, action, data, key }: NewAuditEntry,
): Promise<void> {
  await db
    .insertInto('audit_pending')
    .values({
      run_id: runId,
      action,
      data: JSON.stringify(data),
      ...(key !== undefined && { audit_id: toAuditId(runId, key) }),
    })
    .$if(key !== undefined, (query) =>
      query.onConflict((conflict) => conflict.column('audit_id').doNothing()),
    )
    .execute();
}

/** As hexadecimal digits, which PostgreSQL reads as a UUID. */
export function toAuditId(runId: string, key: string): string {
  return sha256(`${runId}\n${key}`).slice(0, 32);
}
