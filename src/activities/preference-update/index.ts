/** Defines the preference update for the engine: how rows are read, and its requests to CXone. */
import {
  type PreferenceUpdateInput,
  preferenceUpdate as spec,
  preferenceUpdateOptions,
} from '../../contract/preference-update.ts';
import type { Cxone } from '../../cxone/cxone.ts';
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
import {
  derive,
  GUARD,
  guard,
  guardAgainstObjection,
  interpretUpdate,
  judgeReadBack,
  READ_BACK,
  type ReadBackRefs,
  UPDATE,
  type UpdateRefs,
  type Verdict,
} from './answers.ts';
import { endPreferences } from './completion.ts';
import { complianceOf, renderItems } from './report.ts';
import { createPreferenceReader } from './rows.ts';
import { batchKey as toBatchKey, itemOf, type SettledBy, settling } from './settle.ts';

export interface PreferenceUpdateDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  /** CXone remembers an idempotency key for at least this long; after that, a lost answer is settled by reading back. */
  readonly keyLifeMs: number;
}

/** What the guard read counts for this long; a batch that leaves later is guarded again. */
const GUARD_VALID_MS = 10 * 60_000;

export function definePreferenceUpdate(deps: PreferenceUpdateDeps): { readonly definition: BulkDefinition } {
  const { ledger } = deps;
  // Lookups are reads. A batch is keyed, and read back once the key may have expired. So all of them are repeatable.
  const rules = { repeatable: true, claimAhead: false, deadlineMs: BATCH_DEADLINE_MS, gate: null };
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: PREFERENCES_PER_BATCH,
    firstWrite: (run) => (isGuarded(run) ? GUARD : UPDATE),
    writes: {
      // Objections need no lookup, so a batch without opt-ins is sent at once.
      [GUARD]: { ...rules, send: (attempt) => (hasOptIn(attempt) ? guardBatch : updateBatch)(deps, attempt) },
      [UPDATE]: { ...rules, send: (attempt) => updateBatch(deps, attempt) },
      [READ_BACK]: { ...rules, send: (attempt) => readBack(deps, attempt) },
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
    result: (run, counts) => complianceOf(ledger, run, counts),
    onEndedEarly: (run) => endPreferences(ledger, run),
  };
  return { definition };
}

const isGuarded = (run: Run): boolean => preferenceUpdateOptions(run.input as PreferenceUpdateInput).guard;
const hasOptIn = ({ records }: WriteAttempt): boolean => records.some((record) => itemOf(record).optIn);

/** Reads only: repeating it is safe. */
async function guardBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const objections = await objectionsTo(deps.ledger, attempt);
  const lookedUp = await lookUpEach<Verdict>(attempt, {
    known: (record) => (itemOf(record).optIn ? objections.get(record.seq) : { kind: 'send' }),
    ask: (record) =>
      lookUp(deps.cxone, itemOf(record), notToBeRead, (stored) => guard(itemOf(record), stored)),
    giveUp: notToBeRead,
  });
  const refs: UpdateRefs = { ...againOf(attempt), guardedAt: new Date().toISOString() };
  return settleVerdicts(deps.ledger, attempt, lookedUp, {}, UPDATE, refs);
}

/** Reads only: repeating it is safe. */
async function readBack(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const refs = (attempt.refs ?? {}) as ReadBackRefs;
  const found = new Map<number, StoredPreference | null>();
  const giveUp = () => notReadBack(refs);
  const lookedUp = await lookUpEach<Verdict>(attempt, {
    known: () => undefined,
    ask: (record) =>
      lookUp(deps.cxone, itemOf(record), giveUp, (stored) => {
        found.set(record.seq, stored);
        return judgeReadBack(itemOf(record), stored, refs);
      }),
    giveUp,
  });
  const next = isGuarded(attempt.run) ? GUARD : UPDATE;
  const { batchKey, sentAt = null } = refs;
  const request = batchKey === undefined ? null : { batchKey, sentAt, requestId: null, httpStatus: null };
  return settleVerdicts(deps.ledger, attempt, lookedUp, { found, request }, next, { again: true });
}

function notToBeRead(): Verdict {
  const message = 'what CXone has could not be read; nothing is known to have been changed';
  return { kind: 'settle', outcome: 'rejected', reason: { code: 'preference_unavailable', message } };
}

/** It went out: what nobody can read may stand there, unless CXone has said that it did not take it. */
function notReadBack(refs: ReadBackRefs): Verdict {
  if (refs.decided) return notToBeRead();
  const message = 'it was sent, and what CXone has could not be read';
  return { kind: 'settle', outcome: 'in_doubt', reason: { code: 'answer_lost', message } };
}

/** Whom CXone does not even let us ask about is no reason to stop the others, objections among them. */
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

/** Opt-ins that our own suppression list knows to be too old, by the number of their record. */
async function objectionsTo(ledger: Ledger, { records }: WriteAttempt): Promise<Map<number, Verdict>> {
  const optIns = records.filter((record) => itemOf(record).optIn);
  const suppressed = await ledger.suppressions.find(
    optIns.map((record) => itemOf(record).contactId),
    [...new Set(optIns.map((record) => itemOf(record).channel as Channel))],
  );
  const verdicts = new Map<number, Verdict>();
  for (const { contactId, channel, since } of suppressed) {
    for (const record of optIns) {
      const item = itemOf(record);
      if (item.contactId !== contactId || item.channel !== channel) continue;
      const verdict = guardAgainstObjection(item, since);
      if (verdict.kind === 'settle') verdicts.set(record.seq, verdict);
    }
  }
  return verdicts;
}

/**
 * POST of a batch. Keyed: repeating it with the same key and the same bytes is safe, and the answer is that of the
 * first. The records of a write never change, so neither do key and bytes, whoever sends them and when. Where
 * CXone may have forgotten the key, what it has on record is read instead (reliability.md §3.4).
 */
async function updateBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const batchKey = toBatchKey(attempt);
  if (attempt.priorAttempt === 'none') {
    const back = await checkBeforeSending(deps.ledger, attempt);
    if (back) return back;
  } else if (Date.now() - attempt.sentSince.getTime() >= deps.keyLifeMs) {
    const refs = { ...againOf(attempt), batchKey, sentAt: attempt.sentSince.toISOString() };
    return readBack(deps, { ...attempt, kind: READ_BACK, refs });
  }
  let sentAt: string | null = null;
  const answer = await deps.cxone.preferences.updateBatch({
    items: attempt.records.map(itemOf),
    idempotencyKey: batchKey,
    beforeSend: () => {
      attempt.beforeSend();
      sentAt = new Date().toISOString();
    },
  });
  const sent = attempt.records.map((record) => ({ seq: record.seq, item: itemOf(record) }));
  const { groups, derived } = interpretUpdate(
    answer,
    sent,
    attempt.priorAttempt !== 'none',
    againOf(attempt),
  );
  const { status: httpStatus, requestId } = answer;
  return {
    ...settling(deps.ledger, attempt, groups, { request: { batchKey, sentAt, requestId, httpStatus } }),
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

function againOf({ refs }: WriteAttempt): UpdateRefs {
  return (refs as UpdateRefs | null)?.again ? { again: true } : {};
}

/** Before the first try only: after it, the batch has to stay what it was. */
async function checkBeforeSending(ledger: Ledger, attempt: WriteAttempt): Promise<Answer | null> {
  if (!hasOptIn(attempt)) return null;
  const { guardedAt } = (attempt.refs ?? {}) as UpdateRefs;
  const isOld = guardedAt === undefined || Date.now() - Date.parse(guardedAt) > GUARD_VALID_MS;
  const objections = isGuarded(attempt.run) && isOld ? null : await objectionsTo(ledger, attempt);
  if (objections?.size === 0) return null;
  const next = objections === null ? GUARD : UPDATE;
  const verdicts = new Map<number, Verdict>(
    attempt.records.map(({ seq }) => [seq, objections?.get(seq) ?? { kind: 'send' }]),
  );
  const refs = (attempt.refs ?? {}) as UpdateRefs;
  return settleVerdicts(ledger, attempt, { verdicts, rest: [], refs: {} }, {}, next, refs);
}

type LookedUpVerdicts = Awaited<ReturnType<typeof lookUpEach<Verdict>>>;

/** Of what was read: settled where that decides, a write of its own for what is to be sent, and for the rest. */
function settleVerdicts(
  ledger: Ledger,
  attempt: WriteAttempt,
  { verdicts, rest, refs: restRefs, interruptedBy }: LookedUpVerdicts,
  by: SettledBy,
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
    ...settling(ledger, attempt, groups, by),
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

function describe(kind: string, groups: readonly SettledGroup[]): string {
  const settled = groups.reduce((sum, { seqs }) => sum + seqs.length, 0);
  const words = { updated: 'Updated', conflicts: 'Refused for conflicts', refused: 'Refused' } as const;
  return `${words[kind as keyof typeof words]}, ${settled} settled`;
}
