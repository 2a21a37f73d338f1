/**
 * The messages that a tenant may send on one day of its time zone, all runs and workers together. They are reserved in the ledger
 * right before a batch leaves; what exceeds the limit waits for the next day.
 */
import { dayOf, startOfNextDay } from '../../domain/email-send/schedule.ts';
import { plural } from '../../domain/numbers.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import { nextRefs, refsOf } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';
import { readOnlyWithoutEvent } from './unsent.ts';

export interface Reserved {
  /** How many of the messages may leave today. If it is not all of them, nothing was reserved. */
  readonly room: number;
  /** When the next day begins: ISO 8601. */
  readonly tomorrow: string;
}

export async function reserveToday(
  { ledger, rateLimiter, email }: EmailSendDeps,
  writeId: string,
  n: number,
): Promise<Reserved> {
  const now = (await ledger.now()).getTime();
  const { timeZone, dailyLimit: limit } = email;
  const day = dayOf(now, timeZone);
  const { granted, room } = await ledger.emailQuota.reserve({
    tenant: rateLimiter.tenant,
    day,
    limit,
    writeId,
    n,
  });
  return { room: granted ? n : room, tomorrow: toIso(startOfNextDay(now, timeZone)) };
}

/** How many messages may still leave today. */
export async function roomToday({ ledger, rateLimiter, email }: EmailSendDeps): Promise<number> {
  const day = dayOf((await ledger.now()).getTime(), email.timeZone);
  return Math.max(0, email.dailyLimit - (await ledger.emailQuota.used(rateLimiter.tenant, day)));
}

/** Null: there is room today, at least for some. */
export async function leaveForTomorrow(
  deps: EmailSendDeps,
  attempt: WriteAttempt,
  kind: string,
): Promise<Answer | null> {
  if ((await roomToday(deps)) > 0) return null;
  const now = (await deps.ledger.now()).getTime();
  const notBefore = toIso(startOfNextDay(now, deps.email.timeZone));
  const refs = nextRefs(attempt, refsOf(attempt).checkedAt);
  return readOnlyWithoutEvent({
    derived: [{ kind, seqs: attempt.seqs, refs, notBefore }],
    details: `the daily limit is reached: ${plural(attempt.seqs.length, 'recipient waits', 'recipients wait')} for the next day`,
  });
}

const toIso = (ms: number): string => new Date(ms).toISOString();
