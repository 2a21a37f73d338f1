/** Defines the preference update for the engine: how its rows are read, and its requests to CXone. */
import { preferenceUpdateOptions, preferenceUpdate as spec } from '../../contract/preference-update.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import type { CxoneError } from '../../cxone/errors.ts';
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import { PREFERENCES_PER_BATCH } from '../../domain/preference-update/preferences.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import {
  type Answer,
  BATCH_DEADLINE_MS,
  type BulkDefinition,
  type WriteAttempt,
} from '../engine/definition.ts';
import { isRefusedLookup, lookUpEach } from '../engine/lookups.ts';
import { runInput } from '../engine/run-input.ts';
import {
  derive,
  GUARD,
  interpretUpdate,
  READ_BACK,
  type ReadBackRefs,
  UPDATE,
  type UpdateRefs,
} from './answers.ts';
import { endPreferences } from './completion.ts';
import { measureCompliance, renderItems } from './report.ts';
import { createPreferenceReader } from './rows.ts';
import { prepareSettlement, type SettlementSource, toBatchKey, toItem } from './settle.ts';
import { guard, guardAgainstObjection, judgeReadBack, type Verdict } from './verdicts.ts';

export interface PreferenceUpdateDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  /** CXone remembers an idempotency key for at least this long. After that, a lost answer is settled by reading back. */
  readonly keyLifeMs: number;
}

/** What the guard read is valid for this long; a batch that is sent later is guarded again. */
const GUARD_VALID_MS = 10 * 60_000;

export function definePreferenceUpdate(deps: PreferenceUpdateDeps): { readonly definition: BulkDefinition } {
  const { ledger, cxone } = deps;
  // All are repeatable: lookups only read, and a batch has a key and is read back once the key may have expired.
  const rules = {
    repeatable: true,
    claimAhead: false,
    deadlineMs: BATCH_DEADLINE_MS,
    probe: { request: () => cxone.preferences.probe(), isConclusive: false },
    gate: null,
  };
  const lookups = { ...rules, probe: { ...rules.probe, isConclusive: true } };
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: PREFERENCES_PER_BATCH,
    firstWrite: (run) => (isGuarded(run) ? GUARD : UPDATE),
    writes: {
      // Opt-outs need no lookup, so a batch without opt-ins is sent at once.
      [GUARD]: {
        ...rules,
        send: (attempt) => (hasOptIn(attempt) ? guardBatch : updateBatch)(deps, attempt),
        giveUp: readBackInstead,
      },
      [UPDATE]: {
        ...rules,
        send: (attempt) => updateBatch(deps, attempt),
        giveUp: readBackInstead,
      },
      [READ_BACK]: { ...lookups, send: (attempt) => readBackBatch(deps, attempt) },
    },
    event: {
      name: 'preferences.batch.updated',
      endpoint: 'marketing',
      renderItems: (run, event) => renderItems(ledger, run, event),
    },
    createReader: createPreferenceReader,
    // Not in the order of the candidates, because a later row may be the newer one.
    findDuplicates: (run) => ledger.preferences.listDuplicateRows(run.run_no),
    countLookups: async (run) =>
      isGuarded(run)
        ? { requests: await ledger.preferences.countPendingOptIns(run.run_no), withoutContactId: 0 }
        : null,
    result: (run, counts) => measureCompliance(ledger, run, counts),
    onEndedEarly: (run) => endPreferences(ledger, run),
  };
  return { definition };
}

const isGuarded = (run: Run): boolean => preferenceUpdateOptions(runInput(spec, run)).guard;
const hasOptIn = ({ records }: WriteAttempt): boolean => records.some((record) => toItem(record).optIn);

/** Repeatable, because it only reads. */
async function guardBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const objections = await findObjections(deps.ledger, attempt);
  const lookedUp = await lookUpEach<Verdict>(attempt, {
    known: (record) => (toItem(record).optIn ? objections.get(record.seq) : { kind: 'send' }),
    ask: (record) =>
      lookUp(deps.cxone, toItem(record), rejectUnread, (stored) => guard(toItem(record), stored)),
    giveUp: rejectUnread,
  });
  const refs: UpdateRefs = { ...keepAgain(attempt), guardedAt: new Date().toISOString() };
  return settleVerdicts(deps.ledger, attempt, lookedUp, {}, UPDATE, refs);
}

/** Repeatable, because it only reads. */
async function readBackBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
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
    return judge(await cxone.preferences.find({ contactId, channel }));
  } catch (error) {
    if (isRefusedLookup(error)) return giveUp();
    throw error;
  }
}

/** The opt-ins that are older than an objection on our own suppression list, by the number of their record. */
async function findObjections(ledger: Ledger, { records }: WriteAttempt): Promise<Map<number, Verdict>> {
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

/**
 * POSTs a batch. Repeating it with the same key and the same bytes is safe, and is answered like the first request. Neither
 * changes, because the records of a write never change. The items are read back instead once CXone may have forgotten the
 * key (docs/cxone-contract.md#update-a-batch), and when the batch may have been applied but must not be sent as it is: that
 * shows what became of each item, and those that CXone does not have go into a new batch, which is checked like any other.
 */
async function updateBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const batchKey = toBatchKey(attempt);
  const maybeApplied = attempt.priorAttempt !== 'none';
  const withheld = await checkBeforeSending(deps.ledger, attempt);
  if (withheld && !maybeApplied) return withheld;
  if (withheld || (maybeApplied && Date.now() - attempt.sentSince.getTime() >= deps.keyLifeMs)) {
    // An objection of somebody else must not use up the second attempt of an item.
    const again = withheld ? {} : keepAgain(attempt);
    const refs: ReadBackRefs = { ...again, batchKey, sentAt: attempt.sentSince.toISOString() };
    return readBackBatch(deps, { ...attempt, kind: READ_BACK, refs });
  }
  let sentAt: string | null = null;
  const answer = await deps.cxone.preferences.updateBatch({
    items: attempt.records.map(toItem),
    idempotencyKey: batchKey,
    beforeSend: () => {
      attempt.beforeSend();
      sentAt = new Date().toISOString();
    },
  });
  const sent = attempt.records.map((record) => ({ seq: record.seq, item: toItem(record) }));
  const { groups, derived } = interpretUpdate(answer, sent, maybeApplied, keepAgain(attempt));
  const { status: httpStatus, requestId } = answer;
  return {
    ...prepareSettlement(deps.ledger, attempt, groups, {
      request: { batchKey, sentAt, requestId, httpStatus },
    }),
    derived: derived.map((part) =>
      part.kind === READ_BACK
        ? { ...part, refs: { ...(part.refs as ReadBackRefs | undefined), batchKey, sentAt } }
        : part,
    ),
    httpStatus,
    requestId,
    details: describe(answer.kind, groups),
  };
}

/** CXone answers others, but never this item: reading it back shows whether it was applied. */
function readBackInstead(attempt: WriteAttempt, error: CxoneError): Answer {
  const refs: ReadBackRefs = {
    ...keepAgain(attempt),
    batchKey: toBatchKey(attempt),
    sentAt: attempt.sentSince.toISOString(),
  };
  return {
    groups: [],
    derived: derive(READ_BACK, attempt.seqs, refs),
    httpStatus: error.status,
    requestId: error.requestId,
    details: `It always fails (${error.message}) and is read back`,
    readOnly: true,
    emitsEvent: false,
  };
}

/** Carries the mark over to derived writes. */
function keepAgain({ refs }: WriteAttempt): UpdateRefs {
  return (refs as UpdateRefs | null)?.again ? { again: true } : {};
}

/**
 * Checks our own suppression list before every attempt. Whether the guard's lookups are recent is checked before the first
 * one, also at a half, which is a new request: a repeat under the same key adds nothing to what CXone was sent, unless
 * somebody has objected since. Null: it may be sent.
 */
async function checkBeforeSending(ledger: Ledger, attempt: WriteAttempt): Promise<Answer | null> {
  if (!hasOptIn(attempt)) return null;
  const { guardedAt } = (attempt.refs ?? {}) as UpdateRefs;
  const isOutdated = guardedAt === undefined || Date.now() - Date.parse(guardedAt) > GUARD_VALID_MS;
  const needsGuard = isGuarded(attempt.run) && isOutdated && attempt.lostAnswers === 0;
  const objections = needsGuard ? null : await findObjections(ledger, attempt);
  if (objections?.size === 0) return null;
  const next = objections === null ? GUARD : UPDATE;
  const verdicts = new Map<number, Verdict>(
    attempt.records.map(({ seq }) => [seq, objections?.get(seq) ?? { kind: 'send' }]),
  );
  const refs = (attempt.refs ?? {}) as UpdateRefs;
  return settleVerdicts(ledger, attempt, { verdicts, rest: [], refs: {} }, {}, next, refs);
}

type LookedUpVerdicts = Awaited<ReturnType<typeof lookUpEach<Verdict>>>;

/** Settles the records that a lookup decides, and derives a write for those to be sent and one for those not looked up yet. */
function settleVerdicts(
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
      const { outcome, reason, evidence } = verdict;
      groups.push({
        outcome,
        seqs: [seq],
        ...(reason && { reasons: [reason] }),
        ...(evidence && { evidence }),
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

const ANSWERS = { updated: 'Updated', conflicts: 'Refused for conflicts', refused: 'Refused' } as const;

function describe(kind: keyof typeof ANSWERS, groups: readonly SettledGroup[]): string {
  const settled = groups.reduce((sum, { seqs }) => sum + seqs.length, 0);
  return `${ANSWERS[kind]}, ${settled} settled`;
}
