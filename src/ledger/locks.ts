/** PostgreSQL's advisory locks with their keys, and the lock of a run's row. Each is held until its transaction ends. */
import { sql } from 'kysely';
import type { Executor } from './database.ts';

/**
 * With the run's number: claims share it; a change of the steering, a restart, an end found by the watcher, a purge and, of a
 * failed run, an erasure take it alone.
 */
const STEERING_LOCK = 4201;
/** One process at a time seals the audit. */
export const SEALER_LOCK = 4202;
/** One process at a time looks for runs whose execution has ended. */
export const WATCHER_LOCK = 4203;
// 4204, with the run's number: one transaction at a time adds messages of CXone (migrations/0011-answers.ts).
/** With a hash of the campaign: one run at a time reserves capacity in it. */
const CAPACITY_LOCK = 4205;
/** With a hash of tenant and day: one write at a time reserves a part of the day's emails. */
const EMAIL_QUOTA_LOCK = 4206;

/**
 * Until the transaction ends, nobody claims a write of the run, steers it or starts it again. Only statements after this one
 * see what others have committed before.
 */
export async function lockRun(tx: Executor, runNo: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(${STEERING_LOCK}::int, ${runNo}::int)`.execute(tx);
}

/** As every claim does. Waits for whoever has the lock alone. */
export async function shareRun(tx: Executor, runNo: number): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${STEERING_LOCK}::int, ${runNo}::int)`.execute(tx);
}

/**
 * Until the transaction ends, nobody else who calls this for the run gets past it, and nobody takes the run over. Checks of
 * foreign keys need not wait.
 */
export async function oneAtATime(tx: Executor, runNo: number): Promise<void> {
  await sql`select from runs where run_no = ${runNo} for no key update`.execute(tx);
}

/** Until the transaction ends, nobody else reserves capacity in the campaign. Campaigns with equal hashes wait for each other. */
export async function lockCampaign(tx: Executor, tenant: string, campaignId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${CAPACITY_LOCK}::int, hashtext(${`${tenant}\n${campaignId}`}))`.execute(
    tx,
  );
}

/** Until the transaction ends, nobody else reserves emails of this day. Days with equal hashes wait for each other. */
export async function lockEmailDay(tx: Executor, tenant: string, day: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${EMAIL_QUOTA_LOCK}::int, hashtext(${`${tenant}\n${day}`}))`.execute(
    tx,
  );
}

/** False: another process has it. */
export async function tryLock(tx: Executor, key: number): Promise<boolean> {
  const { rows } = await sql<{ acquired: boolean }>`
    select pg_try_advisory_xact_lock(${key}) as acquired`.execute(tx);
  return rows[0]?.acquired === true;
}
