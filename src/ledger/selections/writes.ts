/** The one write of a selection update: claimed with what is sent, settled with what became of it. */
import { sql } from 'kysely';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Database } from '../database.ts';
import { STEERING_LOCK } from '../locks.ts';
import { type Claim, type Claimed, sendClaims } from '../writes/claims.ts';

/** A run of this kind has one record: the selection. */
export const THE_SELECTION = 1;
export const PATCH = 'patch';

/** How the write ends. `outdated`: settled, and another one takes its place. */
export interface SelectionSettlement {
  readonly runNo: number;
  readonly writeId: string;
  /** null: it is not claimed, for nothing has to be sent. */
  readonly fence: number | null;
  /** Of the write as it was read: whoever has claimed it since settles it. */
  readonly attempts: number;
  readonly outcome: Outcome | 'outdated';
  /** Of `outdated`: what was sent stands nowhere, or was decided about. The next write need not look for it. */
  readonly isDecided?: boolean;
  readonly reasons?: readonly Reason[];
  readonly evidence?: string | null;
  readonly httpStatus?: number | null;
  readonly latencyMs?: number | null;
  readonly requestId?: string | null;
  readonly written?: { readonly version: number } | null;
  readonly conflicts?: unknown;
  readonly audit: { readonly action: string; readonly data: Readonly<Record<string, unknown>> };
  /** Its body, from the id of the event and of the audit entry; null: nobody is told. */
  readonly event: { readonly name: string; readonly body: (ids: EventIds) => string } | null;
}

export interface EventIds {
  readonly eventId: string;
  readonly auditId: string;
  readonly at: Date;
}

export interface ClaimSelection extends Claim {
  /** What may have been applied so far, as it was read: another number is another try's doing. */
  readonly lostAnswers: number;
  readonly sent: { readonly snapshot: string; readonly selection: unknown; readonly sha256: string };
  /** Another payload than the one that may have been applied is another write, which takes the place of that one. */
  readonly replaces: Replaced | null;
}

export interface Replaced extends Pick<SelectionSettlement, 'attempts' | 'audit'> {
  /** What the write that takes its place is to know, and those after it. */
  readonly refs: unknown;
}

/** `id`: of the write that is claimed. */
export type ClaimedSelection =
  | (Extract<Claimed, { verdict: 'claimed' }> & { readonly id: string })
  | Exclude<Claimed, { verdict: 'claimed' }>
  | { readonly verdict: 'overtaken' };

type Transaction = Database['db'];

/** Undoes what was done of a claim so far. */
class NotClaimed extends Error {
  override readonly name = 'NotClaimed';
  readonly verdict: Exclude<ClaimedSelection, { verdict: 'claimed' }>;
  constructor(verdict: NotClaimed['verdict']) {
    super(verdict.verdict);
    this.verdict = verdict;
  }
}

/**
 * The claim and what is about to be sent, all or nothing: the next try knows by it what may have been applied.
 * `overtaken`: another try has had the write since it was read.
 */
export async function claimSelection(db: Database['db'], claim: ClaimSelection): Promise<ClaimedSelection> {
  try {
    return await db.transaction().execute((tx) => claimIn(tx, claim));
  } catch (error) {
    if (error instanceof NotClaimed) return error.verdict;
    throw error;
  }
}

async function claimIn(tx: Transaction, { sent, lostAnswers, replaces, ...claim }: ClaimSelection) {
  const { runNo } = claim;
  const id = replaces ? await replace(tx, replaces, claim) : claim.id;
  const [claimed] = await sendClaims(tx, [{ ...claim, id }]);
  if (claimed?.verdict !== 'claimed') throw new NotClaimed(claimed ?? { verdict: 'overtaken' });
  if (claimed.lostAnswers !== (replaces ? 0 : lostAnswers)) throw new NotClaimed({ verdict: 'overtaken' });
  await tx
    .updateTable('selection_updates')
    .set({
      from_snapshot: sent.snapshot,
      sent: JSON.stringify(sent.selection),
      sent_sha256: sent.sha256,
      conflicts: null,
    })
    .where('run_no', '=', runNo)
    .execute();
  return { ...claimed, id };
}

async function replace(
  tx: Transaction,
  { attempts, audit, refs }: Replaced,
  { runNo, id }: Claim,
): Promise<string> {
  // As every claim begins: one that waits for it must hold nothing that another claim waits for.
  await sql`select pg_advisory_xact_lock_shared(${STEERING_LOCK}, ${runNo})`.execute(tx);
  const nothing = { fence: null, event: null } as const;
  const settlement = { runNo, writeId: id, attempts, audit, outcome: 'outdated', ...nothing } as const;
  if (!(await settleWrite(tx, settlement))) throw new NotClaimed({ verdict: 'overtaken' });
  await tell(tx, settlement);
  return insertSuccessor(tx, runNo, { after: id, isDecided: true, refs });
}

interface Successor {
  /** null: it is the first. */
  readonly after: string | null;
  /** What was sent before stands nowhere, or was decided about. Otherwise it may still be applied, or have been. */
  readonly isDecided: boolean;
  /** Default: those of the one before it. */
  readonly refs?: unknown;
}

/** The next write of the run. */
export async function insertSuccessor(
  tx: Transaction,
  runNo: number,
  { after, isDecided, refs }: Successor,
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into writes (run_no, batch, kind, seqs, state, lost_answers, refs)
    select ${runNo}, 1, ${PATCH}, array[${THE_SELECTION}]::int[],
      case when lost > 0 then 'unanswered' else 'planned' end, lost, refs
    from (values (1)) one left join lateral (
      select refs as before, case when ${isDecided} then 0 else lost_answers end as lost_answers
      from writes where id = ${after}::bigint) last on true,
      lateral (select coalesce(lost_answers, 0) as lost,
        coalesce(${refs === undefined ? null : JSON.stringify(refs)}::json, before) as refs) inherited
    returning id`.execute(tx);
  const [successor] = rows;
  if (!successor) throw new Error(`run ${runNo} got no write`);
  return successor.id;
}

export async function settleWrite(tx: Transaction, settlement: SelectionSettlement): Promise<boolean> {
  const { writeId, fence, attempts, outcome, httpStatus, latencyMs, requestId } = settlement;
  const counts = outcome === 'outdated' ? {} : { [outcome]: 1 };
  const { rows } = await sql`
    update writes set state = 'settled', counts = ${JSON.stringify(counts)}::json,
      http_status = ${httpStatus ?? null}, latency_ms = ${latencyMs == null ? null : Math.round(latencyMs)},
      request_id = ${requestId ?? null}, settled_at = clock_timestamp(), lease_until = null,
      -- A lease that ran out is an answer that was lost.
      lost_answers = lost_answers + case when ${fence}::int is null and state = 'sending' then 1 else 0 end
    where id = ${writeId} and case when ${fence}::int is null
      then attempts = ${attempts} and (state in ('planned', 'unanswered')
        or (state = 'sending' and lease_until <= clock_timestamp()))
      else fence = ${fence} and state = 'sending' end
    returning id`.execute(tx);
  return rows.length === 1;
}

export async function noteWritten(
  tx: Transaction,
  { runNo, written, conflicts }: SelectionSettlement,
): Promise<void> {
  if (!written && conflicts === undefined) return;
  await tx
    .updateTable('selection_updates')
    .set({
      ...(written && { version_after: written.version, conflicts: null }),
      ...(conflicts !== undefined && { conflicts: JSON.stringify(conflicts) }),
    })
    .where('run_no', '=', runNo)
    .execute();
}

export async function tell(tx: Transaction, settlement: SelectionSettlement): Promise<void> {
  const { runNo, audit, event, latencyMs, writeId, outcome } = settlement;
  const { rows } = await sql<{ audit_id: string; at: Date }>`
    insert into audit_pending (run_id, action, data)
    select run_id, ${audit.action}, ${JSON.stringify(audit.data)}::json from runs where run_no = ${runNo}
    returning audit_id, at`.execute(tx);
  const [entry] = rows;
  if (!entry || event === null) return;
  const eventId = crypto.randomUUID();
  await sql`insert into outbox (event_id, run_no, event, write_id, audit_id, counts, latency_ms, body)
    values (${eventId}, ${runNo}, ${event.name}, ${writeId}, ${entry.audit_id},
      ${JSON.stringify(outcome === 'outdated' ? {} : { [outcome]: 1 })}::json,
      ${latencyMs == null ? null : Math.round(latencyMs)},
      ${event.body({ eventId, auditId: entry.audit_id, at: entry.at })})`.execute(tx);
}
