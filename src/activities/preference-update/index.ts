/** Consent preferences: what the bulk engine needs to know of them, and the batch to CXone. */
import { PREFERENCES_PER_BATCH } from '../../domain/preference-update/preferences.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import { type PreferenceUpdateInput, preferenceUpdateOptions } from '../../contract/preference-update.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Answer, BulkKind, Write } from '../engine/definition.ts';
import { isRefusedQuestion, lookUpEach } from '../engine/lookups.ts';
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
import { complianceOf, renderEvent } from './report.ts';
import { preferenceReader } from './rows.ts';
import { endPreferences } from './completion.ts';
import { itemOf, keyOf, type SettledBy, settling } from './settle.ts';

export interface PreferenceUpdateDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  /** So long CXone knows an idempotency key at least; after that a lost answer is settled by reading back. */
  readonly keyLifeMs: number;
}

/** What the guard saw is believed so long; a batch that leaves later is guarded again. */
const GUARD_HOLDS_MS = 10 * 60_000;

const inputOf = (run: Run): PreferenceUpdateInput => run.input as PreferenceUpdateInput;
const isGuarded = (run: Run): boolean => preferenceUpdateOptions(inputOf(run)).guard;
const hasOptIn = ({ records }: Write): boolean => records.some((record) => itemOf(record).optIn);

export function createPreferenceUpdate(deps: PreferenceUpdateDeps): BulkKind {
  const { ledger } = deps;
  return {
    stem: 'preference-update',
    recordsPerBatch: PREFERENCES_PER_BATCH,
    firstWrite: (run) => (isGuarded(run) ? GUARD : UPDATE),
    event: 'preferences.batch.updated',
    options: (input) => preferenceUpdateOptions(input as PreferenceUpdateInput),
    reader: preferenceReader,
    // Not as the candidates come: a later row may be the newer one.
    duplicates: (run) => ledger.preferences.listDuplicateRows(run.run_no),
    lookUps: async (run) =>
      isGuarded(run)
        ? { requests: await ledger.preferences.countPendingOptIns(run.run_no), withoutContactId: 0 }
        : null,
    write: (write) => writePreferences(deps, write),
    // Keyed, and read back where the key may have expired.
    repeatable: () => true,
    render: (run, event) => renderEvent(ledger, run, event),
    ended: (run) => endPreferences(ledger, run),
    result: (run, counts) => complianceOf(ledger, run, counts),
  };
}

function writePreferences(deps: PreferenceUpdateDeps, write: Write): Promise<Answer> {
  if (write.kind === READ_BACK) return readBack(deps, write);
  // Objections need no look first: their guard is the batch itself. Which it is depends on the records alone.
  if (write.kind === GUARD && hasOptIn(write)) return guardBatch(deps, write);
  return updateBatch(deps, write);
}

/** Reads only: repeating it is safe. */
async function guardBatch(deps: PreferenceUpdateDeps, write: Write): Promise<Answer> {
  const objections = await objectionsTo(deps.ledger, write);
  const lookedUp = await lookUpEach<Verdict>(write, {
    known: (record) => (itemOf(record).optIn ? objections.get(record.seq) : { kind: 'send' }),
    ask: (record) =>
      lookUp(deps.cxone, itemOf(record), notToBeRead, (stored) => guard(itemOf(record), stored)),
    giveUp: notToBeRead,
  });
  const refs: UpdateRefs = { ...againOf(write), guardedAt: new Date().toISOString() };
  return settleVerdicts(deps.ledger, write, lookedUp, {}, UPDATE, refs);
}

/** Reads only: repeating it is safe. */
async function readBack(deps: PreferenceUpdateDeps, write: Write): Promise<Answer> {
  const refs = (write.refs ?? {}) as ReadBackRefs;
  const found = new Map<number, StoredPreference | null>();
  const giveUp = () => notReadBack(refs);
  const lookedUp = await lookUpEach<Verdict>(write, {
    known: () => undefined,
    ask: (record) =>
      lookUp(deps.cxone, itemOf(record), giveUp, (stored) => {
        found.set(record.seq, stored);
        return judgeReadBack(itemOf(record), stored, refs);
      }),
    giveUp,
  });
  const next = isGuarded(write.run) ? GUARD : UPDATE;
  const { batchKey, sentAt = null } = refs;
  const request = batchKey === undefined ? null : { batchKey, sentAt, requestId: null, httpStatus: null };
  return settleVerdicts(deps.ledger, write, lookedUp, { found, request }, next, { again: true });
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
    if (isRefusedQuestion(error)) return giveUp();
    throw error;
  }
}

/** Opt-ins that our own suppression list knows to be too old, by the number of their record. */
async function objectionsTo(ledger: Ledger, { records }: Write): Promise<Map<number, Verdict>> {
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
async function updateBatch(deps: PreferenceUpdateDeps, write: Write): Promise<Answer> {
  const batchKey = keyOf(write);
  if (write.doubt === 'none') {
    const back = await lookBeforeSending(deps.ledger, write);
    if (back) return back;
  } else if (Date.now() - write.sentSince.getTime() >= deps.keyLifeMs) {
    const refs = { ...againOf(write), batchKey, sentAt: write.sentSince.toISOString() };
    return readBack(deps, { ...write, kind: READ_BACK, refs });
  }
  let sentAt: string | null = null;
  const answer = await deps.cxone.preferences.updateBatch({
    items: write.records.map(itemOf),
    idempotencyKey: batchKey,
    beforeSend: () => {
      write.beforeSend();
      sentAt = new Date().toISOString();
    },
  });
  const sent = write.records.map((record) => ({ seq: record.seq, item: itemOf(record) }));
  const { groups, derived } = interpretUpdate(answer, sent, write.doubt !== 'none', againOf(write));
  const { status: httpStatus, requestId } = answer;
  return {
    ...settling(deps.ledger, write, groups, { request: { batchKey, sentAt, requestId, httpStatus } }),
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

function againOf({ refs }: Write): UpdateRefs {
  return (refs as UpdateRefs | null)?.again ? { again: true } : {};
}

/** Before the first try only: after it, the batch has to stay what it was. */
async function lookBeforeSending(ledger: Ledger, write: Write): Promise<Answer | null> {
  if (!hasOptIn(write)) return null;
  const { guardedAt } = (write.refs ?? {}) as UpdateRefs;
  const isOld = guardedAt === undefined || Date.now() - Date.parse(guardedAt) > GUARD_HOLDS_MS;
  const objections = isGuarded(write.run) && isOld ? null : await objectionsTo(ledger, write);
  if (objections?.size === 0) return null;
  const next = objections === null ? GUARD : UPDATE;
  const verdicts = new Map<number, Verdict>(
    write.records.map(({ seq }) => [seq, objections?.get(seq) ?? { kind: 'send' }]),
  );
  const refs = (write.refs ?? {}) as UpdateRefs;
  return settleVerdicts(ledger, write, { verdicts, rest: [], refs: {} }, {}, next, refs);
}

type LookedUpVerdicts = Awaited<ReturnType<typeof lookUpEach<Verdict>>>;

/** Of what was read: settled where that decides, a write of its own for what is to be sent, and for the rest. */
function settleVerdicts(
  ledger: Ledger,
  write: Write,
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
    ...settling(ledger, write, groups, by),
    derived: [
      ...derive(next, send, nextRefs),
      ...derive(write.kind, rest, { ...(write.refs as object | null), tries: undefined, ...restRefs }),
    ],
    httpStatus: 200,
    requestId: null,
    details: `Looked up ${verdicts.size} of ${write.records.length} preferences`,
    readOnly: true,
    ...(interruptedBy && { interruptedBy }),
  };
}

function describe(kind: string, groups: readonly SettledGroup[]): string {
  const settled = groups.reduce((sum, { seqs }) => sum + seqs.length, 0);
  const words = { updated: 'Updated', conflicts: 'Refused for conflicts', refused: 'Refused' } as const;
  return `${words[kind as keyof typeof words]}, ${settled} settled`;
}
