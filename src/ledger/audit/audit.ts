/**
 * The audit: what was done, by whom, when; without personal data.
 * Whoever settles something adds an entry to `audit_pending` in the same transaction. One sealer at a time appends
 * those to the chain, gapless and hashed, so that the chain never serialises the writing (decisions.md 29).
 */
import { type Selectable, sql } from 'kysely';
import { canonicalize, sha256 } from '../hashing.ts';
import type { Database } from '../database.ts';
import { SEALER_LOCK } from '../locks.ts';
import type { AuditTable } from '../schema.ts';

export type AuditEntry = Selectable<AuditTable>;
export type AuditFinding = { readonly seq: number; readonly what: string };
export interface AuditVerdict {
  readonly entries: number;
  readonly unsealed: number;
  /** The hash of the last entry: keep it elsewhere, and a tail that was cut off shows. */
  readonly head: string;
  readonly finding: AuditFinding | null;
}

export const GENESIS = '0'.repeat(64);
const SEAL_AT_ONCE = 1_000;
const VERIFY_PAGE = 5_000;

type Sealable = Pick<AuditEntry, 'audit_id' | 'run_id' | 'at' | 'action' | 'data'>;

/** SHA-256 over canonical JSON (RFC 8785) of the entry, its number and the hash before it. */
export function auditHash(entry: Sealable, seq: number, previousHash: string): string {
  const text = canonicalize({
    seq,
    previousHash,
    auditId: entry.audit_id,
    runId: entry.run_id,
    at: entry.at.toISOString(),
    action: entry.action,
    data: entry.data,
  });
  return sha256(text);
}

export function createAudit({ db }: Database) {
  return {
    async add(runId: string, action: string, data: Readonly<Record<string, unknown>>): Promise<void> {
      await db
        .insertInto('audit_pending')
        .values({ run_id: runId, action, data: JSON.stringify(data) })
        .execute();
    },

    /** Appends what is waiting to the chain. Returns how many; 0 too when another sealer is at it. */
    async seal(): Promise<number> {
      return db.transaction().execute(async (tx) => {
        const lock = await sql<{
          got: boolean;
        }>`select pg_try_advisory_xact_lock(${SEALER_LOCK}) as got`.execute(tx);
        if (!lock.rows[0]?.got) return 0;
        const { rows: waiting } = await sql<Sealable & { id: string }>`
          delete from audit_pending where id in (select id from audit_pending order by id limit ${SEAL_AT_ONCE})
          returning id, audit_id, run_id, date_trunc('milliseconds', at) as at, action, data`.execute(tx);
        if (waiting.length === 0) return 0;
        waiting.sort((a, b) => Number(BigInt(a.id) - BigInt(b.id)));
        const last = await tx
          .selectFrom('audit')
          .select(['seq', 'hash'])
          .orderBy('seq', 'desc')
          .limit(1)
          .executeTakeFirst();
        let seq = Number(last?.seq ?? 0);
        let previousHash = last?.hash ?? GENESIS;
        const sealed = waiting.map(({ id: _, ...entry }) => {
          seq += 1;
          const hash = auditHash(entry, seq, previousHash);
          const row = {
            ...entry,
            seq: String(seq),
            previous_hash: previousHash,
            hash,
            data: JSON.stringify(entry.data),
          };
          previousHash = hash;
          return row;
        });
        await tx.insertInto('audit').values(sealed).execute();
        return sealed.length;
      });
    },

    async *list(runId?: string): AsyncIterable<AuditEntry> {
      for (let after = '0'; ; ) {
        let query = db
          .selectFrom('audit')
          .selectAll()
          .where('seq', '>', after)
          .orderBy('seq')
          .limit(VERIFY_PAGE);
        if (runId !== undefined) query = query.where('run_id', '=', runId);
        const page = await query.execute();
        yield* page;
        const last = page.at(-1);
        if (!last || page.length < VERIFY_PAGE) return;
        after = last.seq;
      }
    },

    /** Recomputes the whole chain; names the first entry that was changed, removed or moved. */
    async verify(): Promise<AuditVerdict> {
      let entries = 0;
      let head = GENESIS;
      let finding: AuditFinding | null = null;
      for await (const entry of this.list()) {
        const seq = entries + 1;
        if (Number(entry.seq) !== seq) finding = { seq, what: `entry ${seq} is missing` };
        else if (entry.previous_hash !== head)
          finding = { seq, what: `entry ${seq} does not follow the one before it` };
        else if (auditHash(entry, seq, head) !== entry.hash)
          finding = { seq, what: `entry ${seq} was changed` };
        if (finding) break;
        head = entry.hash;
        entries = seq;
      }
      const { n } = await db
        .selectFrom('audit_pending')
        .select((e) => e.fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow();
      return { entries, unsealed: Number(n), head, finding };
    },
  };
}

export type Audit = ReturnType<typeof createAudit>;
