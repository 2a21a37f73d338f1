/** Lookups of the preference update: the guard before a batch, and what is read back after it. */
import { preferenceUpdateOptions, preferenceUpdate as spec } from '../../contract/preference-update.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import { isRefusedLookup, lookUpEach } from '../engine/lookups.ts';
import { runInput } from '../engine/run-input.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import { derive, GUARD, type ReadBackRefs, UPDATE, type UpdateRefs } from './answers.ts';
import { prepareSettlement, type SettlementSource, toItem } from './settle.ts';
import { guardAgainstObjection, judgeBeforeSending, judgeReadBack, SEND, type Verdict } from './verdicts.ts';

export interface LookupDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
}

export const isGuarded = (run: Run): boolean => preferenceUpdateOptions(runInput(spec, run)).guard;

/** What the guard read is valid for this long; a batch that is sent later is guarded again. */
export const GUARD_VALID_MS = 10 * 60_000;

/** Leaves the other half of that time for the batch to be sent; otherwise slow lookups would be repeated for ever. */
const LONGEST_LOOKUPS_MS = GUARD_VALID_MS / 2;

/** The lookups of a batch with objections. The opt-ins that are left are looked up in a write of their own. */
const LONGEST_LOOKUPS_OF_OBJECTIONS_MS = 5_000;

/**
 * Repeatable, because it only reads. An objection never depends on it: if its preference cannot be read in time, it is sent.
 */
export async function guardBatch(deps: LookupDeps, attempt: WriteAttempt): Promise<Answer> {
  const again = keepAgain(attempt);
  // Before the first lookup, because what that one reads may be the first to change.
  const refs: UpdateRefs = { ...again, guardedAt: new Date().toISOString() };
  const objections = await findObjections(deps.ledger, attempt);
  const answerIfUnreadable = (record: PendingRecord) => (toItem(record).optIn ? undefined : SEND);
  const giveUp = (record: PendingRecord) => answerIfUnreadable(record) ?? rejectUnread();
  const lookedUp = await lookUpEach<Verdict>(attempt, {
    // Of what was sent before, only opt-ins have to be judged.
    known: (record) => objections.get(record.seq) ?? (again.again && answerIfUnreadable(record)),
    ask: (record) => {
      const judge = (stored: StoredPreference | null) => judgeBeforeSending(toItem(record), stored, again);
      return lookUp(deps.cxone, toItem(record), () => giveUp(record), judge);
    },
    giveUp,
    answerIfUnreadable,
    limitMs: attempt.records.every((record) => toItem(record).optIn)
      ? LONGEST_LOOKUPS_MS
      : LONGEST_LOOKUPS_OF_OBJECTIONS_MS,
  });
  // What CXone has already was not updated.
  return { ...settleVerdicts(deps.ledger, attempt, lookedUp, {}, UPDATE, refs), emitsEvent: false };
}

/** Repeatable, because it only reads. */
export async function readBackBatch(deps: LookupDeps, attempt: WriteAttempt): Promise<Answer> {
  const refs = (attempt.refs ?? {}) as ReadBackRefs;
  const storedPreferences = new Map<number, StoredPreference | null>();
  const giveUp = () => giveUpReadBack(refs);
  const lookedUp = await lookUpEach<Verdict>(attempt, {
    known: () => undefined,
    ask: (record) =>
      lookUp(deps.cxone, toItem(record), giveUp, (stored) => {
        storedPreferences.set(record.seq, stored);
        return judgeReadBack(toItem(record), stored, refs);
      }),
    giveUp,
  });
  const next = isGuarded(attempt.run) ? GUARD : UPDATE;
  const { batchKey, sentAt = null } = refs;
  const request = batchKey === undefined ? null : { batchKey, sentAt, requestId: null, httpStatus: null };
  const source = { stored: storedPreferences, request };
  return settleVerdicts(deps.ledger, attempt, lookedUp, source, next, { again: true });
}

function rejectUnread(): Verdict {
  const message = 'the preference in CXone could not be read; as far as known, nothing was changed';
  return { kind: 'settle', outcome: 'rejected', reason: { code: 'preference_unavailable', message } };
}

/** The item was sent, so CXone may have applied it, unless its answer has decided otherwise. */
function giveUpReadBack(refs: ReadBackRefs): Verdict {
  if (refs.decided) return rejectUnread();
  const message = 'it was sent, and the preference in CXone could not be read';
  return { kind: 'settle', outcome: 'in_doubt', reason: { code: 'answer_lost', message } };
}

/** A lookup that CXone refuses must not stop the other items, which may be objections. */
async function lookUp(
  cxone: Cxone,
  { contactId, channel }: PreferenceItem,
  giveUp: () => Verdict,
  judge: (stored: StoredPreference | null) => Verdict,
): Promise<Verdict> {
  try {
    const stored = await cxone.preferences.find({ contactId, channel });
    const verdict = judge(stored);
    return verdict.kind === 'settle' && stored ? { ...verdict, cxoneId: stored.id } : verdict;
  } catch (error) {
    if (isRefusedLookup(error)) return giveUp();
    throw error;
  }
}

/** The opt-ins that are older than an objection on our own suppression list, by the number of their record. */
export async function findObjections(
  ledger: Ledger,
  { records }: WriteAttempt,
): Promise<Map<number, Verdict>> {
  const optIns = records.filter((record) => toItem(record).optIn);
  const suppressed = await ledger.suppressions.find(
    optIns.map((record) => toItem(record).contactId),
    [...new Set(optIns.map((record) => toItem(record).channel as Channel))],
  );
  const verdicts = new Map<number, Verdict>();
  for (const { contactId, channel, since } of suppressed) {
    for (const record of optIns) {
      const item = toItem(record);
      if (item.contactId !== contactId || item.channel !== channel) continue;
      const verdict = guardAgainstObjection(item, since);
      if (verdict.kind === 'settle') verdicts.set(record.seq, verdict);
    }
  }
  return verdicts;
}

type LookedUpVerdicts = Awaited<ReturnType<typeof lookUpEach<Verdict>>>;

/** Settles the records that a lookup decides, and derives a write for those to be sent and one for those not looked up yet. */
export function settleVerdicts(
  ledger: Ledger,
  attempt: WriteAttempt,
  { verdicts, rest, refs: restRefs, interruptedBy }: LookedUpVerdicts,
  source: SettlementSource,
  next: string,
  nextRefs: UpdateRefs,
): Answer {
  const groups: SettledGroup[] = [];
  const send: number[] = [];
  for (const [seq, verdict] of verdicts) {
    if (verdict.kind === 'send') send.push(seq);
    else {
      const { outcome, reason, evidence, cxoneId } = verdict;
      groups.push({
        outcome,
        seqs: [seq],
        ...(reason && { reasons: [reason] }),
        ...(evidence && { evidence }),
        ...(cxoneId != null && { cxoneIds: [cxoneId] }),
      });
    }
  }
  return {
    ...prepareSettlement(ledger, attempt, groups, source),
    derived: [
      ...derive(next, send, nextRefs),
      ...derive(attempt.kind, rest, { ...(attempt.refs as object | null), tries: undefined, ...restRefs }),
    ],
    httpStatus: 200,
    requestId: null,
    details: `Looked up ${verdicts.size} of ${attempt.records.length} preferences`,
    readOnly: true,
    ...(interruptedBy && { interruptedBy }),
  };
}

/** Carries the mark over to derived writes. */
export function keepAgain({ refs }: WriteAttempt): UpdateRefs {
  return (refs as UpdateRefs | null)?.again ? { again: true } : {};
}
