/** Reads our own suppression list for people. */
import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database.ts';
import type { SubjectKeys } from './subject-keys.ts';
import { hashAll, IS_EFFECTIVE } from './suppression-entries.sql.ts';
import type {
  ListedSuppression,
  ListPosition,
  RemovedSuppression,
  SuppressionFilter,
} from './suppressions.ts';

const PAGE = 2_000;

/** A run whose rows were purged still has its id. */
const COLUMNS = sql`subject, s.kind, channel, s.reason, code, since, run_id as "runId", added_by as "addedBy"`;
const REMOVAL_COLUMNS = sql`${COLUMNS}, removal_no as "removalNo", removed_at as "removedAt",
  removed_by as "removedBy", removed_because as "removedBecause"`;

/** As a position has it: a Date has no microseconds. */
const SINCE = sql`date_trunc('milliseconds', s.since)`;

interface ListPage {
  readonly filter: SuppressionFilter;
  readonly limit: number;
}

export async function listNewest(
  db: Executor,
  subjects: SubjectKeys,
  { filter, limit, after }: ListPage & { readonly after: ListPosition | undefined },
): Promise<ListedSuppression[]> {
  const { rows } = await sql<ListedSuppression>`
    select ${COLUMNS} from (select * from suppressions where ${IS_EFFECTIVE}) s left join runs using (run_no)
    where ${await toCondition(subjects, filter)} and ${isAfter(after)}
    order by ${SINCE} desc, subject, channel limit ${limit}`.execute(db);
  return rows;
}

function isAfter(position: ListPosition | undefined): RawBuilder<boolean> {
  if (!position) return sql<boolean>`true`;
  const since = sql`${position.since.toISOString()}::timestamptz`;
  return sql<boolean>`(${SINCE} < ${since}
    or (${SINCE} = ${since} and (s.subject, s.channel) > (${position.subject}, ${position.channel})))`;
}

export async function countEntries(
  db: Executor,
  subjects: SubjectKeys,
  filter: SuppressionFilter,
  after: ListPosition | undefined,
): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from suppressions s
    where ${IS_EFFECTIVE} and ${await toCondition(subjects, filter)} and ${isAfter(after)}`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

export async function* listAll(
  db: Executor,
  subjects: SubjectKeys,
  filter: SuppressionFilter,
): AsyncIterable<ListedSuppression> {
  const condition = await toCondition(subjects, filter);
  for (let [subject, channel] = ['', '']; ; ) {
    // The page is cut before entries are left out: otherwise the database would sort all that follow, for each page.
    const { rows } = await sql<ListedSuppression & { readonly isListed: boolean }>`
      select ${COLUMNS}, is_effective and ${condition} as "isListed" from (
        select *, ${IS_EFFECTIVE} as is_effective from suppressions
        where (subject, channel) > (${subject}, ${channel}) order by subject, channel limit ${PAGE}) s
        left join runs using (run_no)
      order by subject, channel`.execute(db);
    for (const { isListed, ...entry } of rows) if (isListed) yield entry;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    [subject, channel] = [last.subject, last.channel];
  }
}

export async function listRemovals(
  db: Executor,
  subjects: SubjectKeys,
  { filter, limit, before }: ListPage & { readonly before: number | undefined },
): Promise<RemovedSuppression[]> {
  const { rows } = await sql<RemovedSuppression>`
    select ${REMOVAL_COLUMNS} from suppression_removals s left join runs using (run_no)
    where ${await toCondition(subjects, filter)} and ${isBelow(before)}
    order by removal_no desc limit ${limit}`.execute(db);
  return rows;
}

export async function countRemovals(
  db: Executor,
  subjects: SubjectKeys,
  filter: SuppressionFilter,
  before: number | undefined,
): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from suppression_removals s
    where ${await toCondition(subjects, filter)} and ${isBelow(before)}`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

const isBelow = (removalNo: number | undefined): RawBuilder<boolean> =>
  removalNo === undefined ? sql<boolean>`true` : sql<boolean>`s.removal_no < ${removalNo}`;

/** A condition on `s`. */
async function toCondition(
  subjects: SubjectKeys,
  { about, channel, reason, since }: SuppressionFilter,
): Promise<RawBuilder<boolean>> {
  const conditions = [
    sql`true`,
    ...(about === undefined ? [] : [sql`s.subject = any(${[...(await hashAll(subjects, about))]}::text[])`]),
    ...(channel === undefined ? [] : [sql`s.channel = ${channel}`]),
    ...(reason === undefined ? [] : [sql`s.reason = ${reason}`]),
    ...(since === undefined ? [] : [sql`s.since >= ${since.toISOString()}::timestamptz`]),
  ];
  return sql<boolean>`${sql.join(conditions, sql` and `)}`;
}
