/** The consent gate of an email send, asked right before each batch leaves. */
import { GateInterrupted, MustNotRepeat } from '../engine/gate.ts';
import type { LookedUp } from '../engine/lookups.ts';
import type { GateDecision, Withheld, WriteAttempt } from '../engine/write-definition.ts';
import { isRecent, lookUpAgain, lookUpConsent, lookUpSuppressions, requiresConsent } from './checks.ts';
import { reserveToday } from './daily-limit.ts';
import { findObjections } from './recipients.ts';
import { refsOf, withholdFrom } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';

const NOBODY: ReadonlyMap<number, Withheld> = new Map();
/** Their lookups were made within this very attempt. The gate is asked again after them, before the request leaves. */
const lookedUpNow = new WeakSet<WriteAttempt>();

/**
 * Our own list is read at this very moment; what CXone has said counts for a while, and is asked again if the batch leaves later.
 * Then the messages of the batch are reserved from those of the day.
 */
export async function sendGate(deps: EmailSendDeps, attempt: WriteAttempt): Promise<GateDecision> {
  if (attempt.lostAnswers > 0) return repeatGate(deps, attempt);
  if (!isRecent(deps, attempt)) {
    await freeReservation(deps, attempt);
    return { instead: lookUpAgain(attempt) };
  }
  const objections = await findObjections(deps.ledger, attempt);
  // After a lost answer the engine leaves them in doubt.
  const withheld =
    attempt.priorAttempt === 'none'
      ? new Map([...objections].map(([seq, each]) => [seq, withholdFrom(attempt, each)]))
      : objections;
  const open = attempt.seqs.filter((seq) => !withheld.has(seq));
  // The engine divides the batch; the rest of it comes here again.
  if (withheld.size > 0 && attempt.priorAttempt === 'none') {
    await freeReservation(deps, attempt);
    return { withheld };
  }
  const { room, tomorrow } = await reserveToday(deps, attempt.writeId, open.length);
  const notBefore = new Map(open.slice(room).map((seq) => [seq, tomorrow]));
  return { withheld, notBefore };
}

/** Of an earlier attempt that never left: its recipients are in another write from now on, which reserves its own. */
async function freeReservation({ ledger }: EmailSendDeps, attempt: WriteAttempt): Promise<void> {
  if (attempt.priorAttempt === 'none') await ledger.emailQuota.settle(attempt.writeId, 0);
}

/**
 * Its answer was lost, and CXone drops a repeat under the same key: but only for as long as it keeps the key, and only if the
 * request has the same bytes. So nobody can be left out of it, and if somebody has to be, a person decides.
 */
async function repeatGate(deps: EmailSendDeps, attempt: WriteAttempt): Promise<GateDecision> {
  const { checkedAt } = refsOf(attempt);
  // It cannot have been sent before it was looked up.
  const sentSince = checkedAt === undefined ? Number.NEGATIVE_INFINITY : Date.parse(checkedAt);
  if (Date.now() - sentSince >= deps.keyLifeMs)
    throw new MustNotRepeat('CXone may have forgotten its idempotency key');
  const mayBeSent =
    isRecent(deps, attempt) || lookedUpNow.has(attempt)
      ? (await findObjections(deps.ledger, attempt)).size === 0
      : await mayAllBeSent(deps, attempt);
  if (!mayBeSent) throw new MustNotRepeat('somebody in it must not be contacted by now');
  return { withheld: NOBODY };
}

async function mayAllBeSent(deps: EmailSendDeps, attempt: WriteAttempt): Promise<boolean> {
  const looked = [await lookUpSuppressions(deps, attempt)];
  if (requiresConsent(attempt.run)) looked.push(await lookUpConsent(deps, attempt));
  for (const { rest, interruptedBy } of looked)
    if (rest.length > 0) throw new GateInterrupted(interruptedBy ?? null);
  lookedUpNow.add(attempt);
  return looked.every(permitsAll);
}

const permitsAll = ({ verdicts }: LookedUp<Withheld | null>): boolean =>
  [...verdicts.values()].every((verdict) => verdict === null);
