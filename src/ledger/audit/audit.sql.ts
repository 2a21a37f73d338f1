/** The audit in PostgreSQL. */
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import { SEALER_LOCK, tryLock } from '../locks.ts';
import type { Audit, AuditVerdict } from './audit.ts';
import {
  type AuditEntry,
  type AuditHead,
  auditHash,
  GENESIS,
  type VerifyOptions,
  verifyChain,
} from './chain.ts';
import { addAuditEntry } from './entries.sql.ts';

const MAX_SEALED = 1_000;
const PAGE = 5_000;

export function createAudit({ db }: Database): Audit {
  return {
    add: (runId, action, data, key) => addAuditEntry(db, { runId, action, data, key }),
    seal: () => db.transaction().execute(seal),
    list: (runId) => list(db, runId),
    get: (seq) => get(db, seq),
    hashes: (runId) => listHashes(db, runId),
    head: () => findLast(db),
    verify: (options) => verify(db, options),
  };
}

type PendingEntry = Pick<AuditEntry, 'audit_id' | 'run_id' | 'at' | 'action' | 'data'>;

async function seal(tx: Executor): Promise<number> {
  if (!(await tryLock(tx, SEALER_LOCK))) return 0;
  const pending = await takePending(tx);
  const entries = await withoutRepetitions(tx, pending);
  if (entries.length > 0)
    await tx
      .insertInto('audit')
      .values(chain(entries, (await findLast(tx)) ?? BEFORE_FIRST))
      .execute();
  return pending.length;
}

/** An activity may be retried after the entry of its first attempt was sealed. */
async function withoutRepetitions(tx: Executor, pending: readonly PendingEntry[]): Promise<PendingEntry[]> {
  const ids = pending.map(({ audit_id: id }) => id);
  const { rows } = await sql<{ audit_id: string }>`
    select audit_id from audit where audit_id = any(${ids}::uuid[])`.execute(tx);
  const sealed = new Set(rows.map(({ audit_id: id }) => id));
  return pending.filter(({ audit_id: id }) => !sealed.has(id));
}

async function takePending(tx: Executor): Promise<PendingEntry[]> {
  const { rows } = await sql<PendingEntry & { id: string }>`
    delete from audit_pending where id in (select id from audit_pending order by id limit ${MAX_SEALED})
    returning id, audit_id, run_id, date_trunc('milliseconds', at) as at, action, data`.execute(tx);
  const inOrder = rows.toSorted((a, b) => Number(BigInt(a.id) - BigInt(b.id)));
  return inOrder.map(({ id: _, ...entry }) => entry);
}

const BEFORE_FIRST: AuditHead = { seq: 0, hash: GENESIS };

async function findLast(db: Executor): Promise<AuditHead | null> {
  const last = await db
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last ? toHead(last) : null;
}

const toHead = ({ seq, hash }: Pick<AuditEntry, 'seq' | 'hash'>): AuditHead => ({ seq: Number(seq), hash });

/** The rows that continue the chain after `last`. */
function chain(entries: readonly PendingEntry[], last: AuditHead) {
  let { seq, hash } = last;
  return entries.map((entry) => {
    const previousHash = hash;
    seq += 1;
    hash = auditHash(entry, seq, previousHash);
    return {
      ...entry,
      seq: String(seq),
      previous_hash: previousHash,
      hash,
      data: JSON.stringify(entry.data),
    };
  });
}

async function* list(db: Executor, runId?: string): AsyncIterable<AuditEntry> {
  for (let after = '0'; ; ) {
    let query = db.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(PAGE);
    if (runId !== undefined) query = query.where('run_id', '=', runId);
    const page = await query.execute();
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = last.seq;
  }
}

async function get(db: Executor, seq: number): Promise<AuditEntry | null> {
  const entry = await db.selectFrom('audit').selectAll().where('seq', '=', String(seq)).executeTakeFirst();
  return entry ?? null;
}

async function listHashes(db: Executor, runId: string): Promise<AuditHead[]> {
  const rows = await db
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .where('run_id', '=', runId)
    .orderBy('seq')
    .execute();
  return rows.map(toHead);
}

async function verify(db: Executor, options?: VerifyOptions): Promise<AuditVerdict> {
  const verdict = await verifyChain(list(db), options);
  return { ...verdict, unsealed: await countPending(db) };
}

async function countPending(db: Executor): Promise<number> {
  const { n } = await db
    .selectFrom('audit_pending')
    .select((e) => e.fn.countAll<string>().as('n'))
    .executeTakeFirstOrThrow();
  return Number(n);
}
