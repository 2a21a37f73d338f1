/** What people add to our own suppression list, and take off it. */
import { sql } from 'kysely';
import { ERASED } from '../../domain/consent/suppressions.ts';
import { addAuditEntry } from '../audit/entries.sql.ts';
import type { Executor } from '../database.ts';
import {
  type HashedEntry,
  hashTarget,
  IS_EFFECTIVE,
  type SuppressionsDeps,
  storeEntries,
} from './suppression-entries.sql.ts';
import type {
  AddDecision,
  AddedEntries,
  ListedSuppression,
  NewEntry,
  RemoveDecision,
  RemovedSuppression,
} from './suppressions.ts';

/** Stands for the run in the audit: `cxflow audit --run suppressions`. */
const AUDITED_AS = 'suppressions';
const PAGE = 2_000;

/**
 * Collects the entries in a table that nobody else sees, so that no lock is held while a long file is read, and stores them
 * sorted, so that two imports cannot deadlock.
 */
export async function addEntries(
  tx: Executor,
  deps: SuppressionsDeps,
  chunks: AsyncIterable<readonly NewEntry[]> | Iterable<readonly NewEntry[]>,
  { by, reason, onProgress }: AddDecision,
): Promise<AddedEntries> {
  await sql`
    create temporary table new_suppressions (subject text, kind text, channel text, reason text, code text,
      since timestamptz) on commit drop`.execute(tx);
  for await (const chunk of chunks) await collect(tx, deps, chunk);
  // A later date of the same entry makes the earlier ones superfluous.
  await sql`
    create temporary table distinct_suppressions on commit drop as
    select row_number() over (order by subject, channel) as place, newest.* from (
      select distinct on (subject, channel) * from new_suppressions
      order by subject, channel, since desc, reason, code) newest`.execute(tx);
  await sql`create unique index on distinct_suppressions (place)`.execute(tx);
  let [entries, added, renewed] = [0, 0, 0];
  for (let isEnd = false; !isEnd; ) {
    const { rows } = await sql<HashedEntry>`
      select subject, kind, channel, reason, code, since from distinct_suppressions
      where place between ${entries + 1} and ${entries + PAGE}`.execute(tx);
    const stored = await storeEntries(tx, deps, rows, { runNo: null, addedBy: by });
    entries += rows.length;
    added += stored.added;
    renewed += stored.renewed;
    isEnd = rows.length < PAGE;
    onProgress?.(entries);
  }
  const counts = {
    added,
    renewed,
    unchanged: entries - added - renewed,
    ineffective: await countIneffective(tx),
  };
  const data = { ...counts, by, ...(reason !== undefined && { reason }) };
  await addAuditEntry(tx, { runId: AUDITED_AS, action: 'suppressions_added', data });
  return counts;
}

async function collect(
  tx: Executor,
  { subjects }: SuppressionsDeps,
  chunk: readonly NewEntry[],
): Promise<void> {
  const hashed = await Promise.all(
    chunk.map(async ({ target, ...rest }): Promise<HashedEntry> => {
      const subject = 'subject' in target ? target.subject : await hashTarget(subjects, target, rest.reason);
      return { ...rest, kind: target.kind, subject };
    }),
  );
  await sql`
    insert into new_suppressions (subject, kind, channel, reason, code, since)
    select * from json_to_recordset(${JSON.stringify(hashed)}::json)
      as e(subject text, kind text, channel text, reason text, code text, since timestamptz)`.execute(tx);
}

async function countIneffective(tx: Executor): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from distinct_suppressions
      join (select subject, channel from suppressions where not ${IS_EFFECTIVE}) known using (subject, channel)`.execute(
    tx,
  );
  return rows[0]?.n ?? 0;
}

/** The audit refers to the history by its number, and so contains no hash either. */
export async function removeEntries(
  tx: Executor,
  entries: readonly ListedSuppression[],
  { by, reason }: RemoveDecision,
): Promise<RemovedSuppression[]> {
  const seen = entries.map((entry) => ({
    ...{ seenSubject: entry.subject, seenChannel: entry.channel },
    ...{ seenReason: entry.reason, seenSince: entry.since },
  }));
  // Sorted like all others that lock entries.
  const { rows } = await sql<RemovedSuppression>`
    with seen as materialized (
      select subject, channel from suppressions join json_to_recordset(${JSON.stringify(seen)}::json)
          as e("seenSubject" text, "seenChannel" text, "seenReason" text, "seenSince" timestamptz)
          on subject = "seenSubject" and channel = "seenChannel" and reason = "seenReason"
            and date_trunc('milliseconds', since) = "seenSince"
        where (reason <> ${ERASED} or kind <> 'contact') and ${IS_EFFECTIVE}
        order by subject, channel for update of suppressions),
    removed as (
      update suppressions s set removed_since = s.since from seen
      where s.subject = seen.subject and s.channel = seen.channel returning s.*)
    insert into suppression_removals
      (subject, kind, channel, reason, code, since, run_no, added_by, removed_by, removed_because)
    select subject, kind, channel, reason, code, since, run_no, added_by, ${by}, ${reason} from removed
    order by subject, channel
    returning subject, kind, channel, reason, code, since, added_by as "addedBy",
      (select run_id from runs where runs.run_no = suppression_removals.run_no) as "runId",
      removal_no as "removalNo", removed_at as "removedAt", removed_by as "removedBy",
      removed_because as "removedBecause"`.execute(tx);
  for (const { removalNo, kind, channel, code, since } of rows) {
    const data = { removalNo, kind, channel, code, since: since.toISOString(), by, reason };
    await addAuditEntry(tx, { runId: AUDITED_AS, action: 'suppression_removed', data });
  }
  return rows;
}
