/** Claiming and settling the write of a selection update in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { shareRun } from '../locks.ts';
import { claimWrites } from '../writes/claims.sql.ts';
import type { Claim } from '../writes/claims.ts';
import { toMessageRows } from '../writes/messages.sql.ts';
import {
  type ClaimedSelection,
  type ClaimSelection,
  PATCH,
  type Replaced,
  type SelectionSettlement,
  THE_SELECTION,
} from './writes.ts';

/** Rolls back what a claim has done so far. */
class NotClaimed extends Error {
  override readonly name = 'NotClaimed';
  readonly verdict: Exclude<ClaimedSelection, { verdict: 'claimed' }>;
  constructor(verdict: NotClaimed['verdict']) {
    super(verdict.verdict);
    this.verdict = verdict;
  }
}

/** In one transaction with what is about to be sent, so that the next attempt knows what may have been applied. */
export async function claimSelection(db: Executor, claim: ClaimSelection): Promise<ClaimedSelection> {
  try {
    return await db.transaction().execute((tx) => claimIn(tx, claim));
  } catch (error) {
    if (error instanceof NotClaimed) return error.verdict;
    throw error;
  }
}

async function claimIn(
  tx: Executor,
  { sent, lostAnswers, replaces, ...claim }: ClaimSelection,
): Promise<ClaimedSelection> {
  const id = replaces ? await replace(tx, replaces, claim) : claim.id;
  const [claimed] = await claimWrites(tx, [{ ...claim, id }]);
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
    .where('run_no', '=', claim.runNo)
    .execute();
  return { ...claimed, id };
}

async function replace(
  tx: Executor,
  { attempts, audit, refs }: Replaced,
  { runNo, id }: Claim,
): Promise<string> {
  // The lock comes first, as in every claim: a claim that waits for it must not hold a row that another claim waits for.
  await shareRun(tx, runNo);
  const outdated = {
    runNo,
    writeId: id,
    attempts,
    audit,
    outcome: 'outdated',
    fence: null,
    event: null,
  } as const;
  if (!(await settleWrite(tx, outdated))) throw new NotClaimed({ verdict: 'overtaken' });
  await announce(tx, outdated);
  return insertSuccessor(tx, runNo, { after: id, isDecided: true, refs });
}

/** False: another holder has the write, and nothing changed. */
export async function settleSelection(tx: Executor, settlement: SelectionSettlement): Promise<boolean> {
  const { runNo, writeId, outcome, isDecided = false } = settlement;
  if (!(await settleWrite(tx, settlement))) return false;
  if (outcome === 'outdated') await insertSuccessor(tx, runNo, { after: writeId, isDecided });
  else await insertOutcome(tx, settlement);
  await updateSelection(tx, settlement);
  await announce(tx, settlement);
  return true;
}

interface Successor {
  /** The write that it takes the place of; null: it is the first one of the run. */
  readonly after: string | null;
  /** False: the write before it may have been applied, or may still be. */
  readonly isDecided: boolean;
  /** Default: those of the write before it. */
  readonly refs?: unknown;
}

/** Returns the id of the run's next write: `unanswered` if the one before it may have been applied, else `planned`. */
export async function insertSuccessor(
  tx: Executor,
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

async function settleWrite(tx: Executor, settlement: SelectionSettlement): Promise<boolean> {
  const { writeId, fence, attempts, httpStatus = null, requestId, cxoneMs, messages } = settlement;
  const texts = toMessageRows(messages, httpStatus);
  const messageRows = texts === null ? null : JSON.stringify(texts);
  const { rows } = await sql`
    update writes set state = 'settled', counts = ${JSON.stringify(toCounts(settlement))}::json,
      http_status = ${httpStatus}, latency_ms = ${roundLatency(settlement)},
      cxone_ms = ${cxoneMs == null ? null : Math.round(cxoneMs)}, messages = count_messages(${messageRows}::json),
      request_id = ${requestId ?? null}, settled_at = clock_timestamp(), lease_until = null,
      -- The holder of an expired lease may have sent, so its answer counts as lost.
      lost_answers = lost_answers + case when ${fence}::int is null and state = 'sending' then 1 else 0 end
    where id = ${writeId} and case when ${fence}::int is null
      then attempts = ${attempts} and (state in ('planned', 'unanswered')
        or (state = 'sending' and lease_until <= clock_timestamp()))
      else fence = ${fence} and state = 'sending' end
    returning id, keep_messages(run_no, batch, id, http_status, ${messageRows}::json)`.execute(tx);
  return rows.length === 1;
}

const toCounts = ({ outcome }: SelectionSettlement) => (outcome === 'outdated' ? {} : { [outcome]: 1 });

const roundLatency = ({ latencyMs }: SelectionSettlement) =>
  latencyMs == null ? null : Math.round(latencyMs);

async function insertOutcome(
  tx: Executor,
  { runNo, writeId, outcome, reasons, evidence }: SelectionSettlement,
): Promise<void> {
  if (outcome === 'outdated') return;
  await tx
    .insertInto('outcomes')
    .values({
      run_no: runNo,
      seq: THE_SELECTION,
      outcome,
      reasons: reasons ? JSON.stringify(reasons) : null,
      write_id: writeId,
      evidence: evidence ?? null,
    })
    .execute();
}

async function updateSelection(
  tx: Executor,
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

/** Adds the audit entry and the event. The event's body contains the ids of both. */
async function announce(tx: Executor, settlement: SelectionSettlement): Promise<void> {
  const { runNo, audit, event, writeId } = settlement;
  const { rows } = await sql<{ audit_id: string; at: Date }>`
    insert into audit_pending (run_id, action, data)
    select run_id, ${audit.action}, ${JSON.stringify(audit.data)}::json from runs where run_no = ${runNo}
    returning audit_id, at`.execute(tx);
  const [entry] = rows;
  if (!entry || event === null) return;
  const ids = { eventId: crypto.randomUUID(), auditId: entry.audit_id, at: entry.at };
  await sql`insert into outbox (event_id, run_no, event, write_id, audit_id, counts, latency_ms, body)
    values (${ids.eventId}, ${runNo}, ${event.name}, ${writeId}, ${ids.auditId},
      ${JSON.stringify(toCounts(settlement))}::json, ${roundLatency(settlement)}, ${event.body(ids)})`.execute(
    tx,
  );
}
