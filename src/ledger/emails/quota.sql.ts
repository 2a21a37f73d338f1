/** The daily limit of emails in PostgreSQL. */
import { sql } from 'kysely';
import { coalesce } from '../coalesce.ts';
import type { Database, Executor } from '../database.ts';
import { lockEmailDay } from '../locks.ts';
import type { EmailQuota, QuotaAnswer, QuotaRequest } from './quota.ts';

/** As many as a worker has requests in flight by default. */
const MAX_COALESCED = 16;

export function createEmailQuota({ db }: Database): EmailQuota {
  return {
    // They would wait for each other's commit.
    reserve: coalesce({
      groupKey: ({ tenant, day }: QuotaRequest) => `${day} ${tenant}`,
      send: (requests) => db.transaction().execute((tx) => reserveAll(tx, requests)),
      maxInputs: MAX_COALESCED,
    }),
    used: (tenant, day) => countUsed(db, tenant, day, null),
    settle: (writeId, n, executor = db) => settle(executor, writeId, n),
  };
}

/** Of one tenant and day. In turn, so that each finds what those before it have reserved. */
async function reserveAll(tx: Executor, requests: readonly QuotaRequest[]): Promise<QuotaAnswer[]> {
  const answers: QuotaAnswer[] = [];
  const [first] = requests;
  if (first) await lockEmailDay(tx, first.tenant, first.day);
  for (const request of requests) answers.push(await reserve(tx, request));
  return answers;
}

async function reserve(tx: Executor, request: QuotaRequest): Promise<QuotaAnswer> {
  const { tenant, day, limit, writeId, n } = request;
  const room = Math.max(0, limit - (await countUsed(tx, tenant, day, writeId)));
  if (n > room) return { granted: false, room };
  await sql`
    insert into email_quota (write_id, tenant, day, n) values (${writeId}, ${tenant}, ${day}, ${n})
    on conflict (write_id) do update set tenant = excluded.tenant, day = excluded.day, n = excluded.n`.execute(
    tx,
  );
  return { granted: true, room };
}

/** `except`: a write whose own reservation does not count. */
async function countUsed(db: Executor, tenant: string, day: string, except: string | null): Promise<number> {
  const { rows } = await sql<{ used: number }>`
    select coalesce(sum(n), 0)::int as used from email_quota
    where tenant = ${tenant} and day = ${day}::date and write_id is distinct from ${except}::bigint`.execute(
    db,
  );
  return rows[0]?.used ?? 0;
}

async function settle(db: Executor, writeId: string, n: number): Promise<void> {
  if (n <= 0) await db.deleteFrom('email_quota').where('write_id', '=', writeId).execute();
  else await sql`update email_quota set n = least(n, ${n}::int) where write_id = ${writeId}`.execute(db);
}
