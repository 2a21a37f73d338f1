/** The daily limit of emails in PostgreSQL. */
import { sql } from 'kysely';
import { coalesce } from '../coalesce.ts';
import type { Database, Executor } from '../database.ts';
import { fenced } from '../fence.ts';
import { lockEmailDay } from '../locks.ts';
import { maybeApplied } from '../writes/maybe-applied.sql.ts';
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
    used: async (tenant, day) => (await readReserved(db, { tenant, day })).used,
    settle: (writeId, n, executor = db) => settle(executor, writeId, n),
    freeUnsent: (run) => fenced(db, run, freeUnsent),
  };
}

/** Of one tenant and day. In turn, so that each finds what those before it have reserved. */
async function reserveAll(tx: Executor, requests: readonly QuotaRequest[]): Promise<QuotaAnswer[]> {
  const [first] = requests;
  if (!first) return [];
  const { tenant, day } = first;
  await lockEmailDay(tx, tenant, day);
  const reserved = await readReserved(
    tx,
    first,
    requests.map(({ writeId }) => writeId),
  );
  let { used } = reserved;
  const own = new Map(Object.entries(reserved.own));
  const granted = new Map<string, number>();
  const answers = requests.map(({ limit, writeId, n }) => {
    const others = used - (own.get(writeId) ?? 0);
    const room = Math.max(0, limit - others);
    if (n > room) return { granted: false, room };
    used = others + n;
    own.set(writeId, n);
    granted.set(writeId, n);
    return { granted: true, room };
  });
  await sql`
    insert into email_quota (write_id, tenant, day, n)
    select write_id, ${tenant}, ${day}::date, n
    from unnest(${[...granted.keys()]}::bigint[], ${[...granted.values()]}::int[]) as granted(write_id, n)
    on conflict (write_id) do update set tenant = excluded.tenant, day = excluded.day, n = excluded.n`.execute(
    tx,
  );
  return answers;
}

interface Reserved {
  readonly used: number;
  /** Of that, by write. */
  readonly own: Readonly<Record<string, number>>;
}

/** From an index alone, and once for all writes that wait: a day may have as many reservations as there are batches. */
async function readReserved(
  db: Executor,
  { tenant, day }: Pick<QuotaRequest, 'tenant' | 'day'>,
  writeIds: readonly string[] = [],
): Promise<Reserved> {
  const { rows } = await sql<Reserved>`
    select coalesce(sum(n), 0)::int as used,
      coalesce(json_object_agg(write_id, n) filter (where write_id = any(${[...writeIds]}::bigint[])), '{}') as own
    from email_quota where tenant = ${tenant} and day = ${day}::date`.execute(db);
  return rows[0] ?? { used: 0, own: {} };
}

async function settle(db: Executor, writeId: string, n: number): Promise<void> {
  if (n <= 0) await db.deleteFrom('email_quota').where('write_id', '=', writeId).execute();
  else await sql`update email_quota set n = least(n, ${n}::int) where write_id = ${writeId}`.execute(db);
}

async function freeUnsent(tx: Executor, runNo: number): Promise<void> {
  await sql`
    delete from email_quota q using writes w
    where w.id = q.write_id and w.run_no = ${runNo} and w.state = 'planned' and ${maybeApplied('w')} is not true`.execute(
    tx,
  );
}
