/** Consents of recipients in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { toStorableJson } from '../storable.ts';
import type { EmailConsent, NewEmailConsent } from './consents.ts';

const COLUMNS = sql`checked_at as "checkedAt", consented_at as "consentedAt", source, region, rules`;

export async function recordConsents(
  db: Executor,
  runNo: number,
  consents: readonly NewEmailConsent[],
): Promise<void> {
  await sql`
    insert into email_consents (run_no, seq, attempt, checked_at, consented_at, source, region, rules)
    select ${runNo}::int, seq, attempt, "checkedAt", "consentedAt", source, region, rules
    from json_to_recordset(${toStorableJson(consents)}::json) as found(seq int, attempt int, "checkedAt" timestamptz,
      "consentedAt" timestamptz, source text, region text, rules text)
    order by seq
    on conflict (run_no, seq, attempt) do update set checked_at = excluded.checked_at,
      consented_at = excluded.consented_at, source = excluded.source, region = excluded.region, rules = excluded.rules`.execute(
    db,
  );
}

/** By seq: of those who have one for this message. */
export async function findConsents(
  db: Executor,
  runNo: number,
  seqs: readonly number[],
  attempt: number,
): Promise<ReadonlyMap<number, EmailConsent>> {
  const { rows } = await sql<EmailConsent & { readonly seq: number }>`
    select seq, ${COLUMNS} from email_consents
    where run_no = ${runNo} and seq = any(${[...seqs]}::int[]) and attempt = ${attempt}`.execute(db);
  return new Map(rows.map(({ seq, ...consent }) => [seq, consent]));
}

/** Of one recipient, by attempt. */
export async function listConsents(
  db: Executor,
  runNo: number,
  seq: number,
): Promise<ReadonlyMap<number, EmailConsent>> {
  const { rows } = await sql<EmailConsent & { readonly attempt: number }>`
    select attempt, ${COLUMNS}
    from email_consents where run_no = ${runNo} and seq = ${seq}`.execute(db);
  return new Map(rows.map(({ attempt, ...consent }) => [attempt, consent]));
}
