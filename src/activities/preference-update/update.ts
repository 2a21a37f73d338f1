/** The batch of the preference update: what is checked before it leaves, the request itself, and its answer. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { UpdateBatchAnswer } from '../../cxone/preferences.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import {
  derive,
  GUARD,
  interpretUpdate,
  READ_BACK,
  type ReadBackRefs,
  UPDATE,
  type UpdateRefs,
} from './answers.ts';
import {
  findObjections,
  GUARD_VALID_MS,
  isGuarded,
  keepAgain,
  type LookupDeps,
  readBackBatch,
  settleVerdicts,
} from './lookup.ts';
import { hasOptIn, prepareSettlement, toBatchKey, toItem } from './settle.ts';
import type { Verdict } from './verdicts.ts';

export interface PreferenceUpdateDeps extends LookupDeps {
  /** At most the number that CXone accepts in one request. */
  readonly preferencesPerBatch: number;
  /** The least time from one batch to the next. */
  readonly preferencesIntervalMs: number;
  /** CXone remembers an idempotency key for at least this long. After that, a lost answer is settled by reading back. */
  readonly keyLifeMs: number;
}

/**
 * POSTs a batch. Repeating it with the same key and the same bytes is safe, and is answered like the first request. Neither
 * changes, because the records of a write never change. The items are read back instead once CXone may have forgotten the
 * key (docs/cxone-contract.md#update-a-batch), and when the batch may have been applied but must not be sent as it is: that
 * shows what became of each item, and those that CXone does not have go into a new batch, which is checked like any other.
 */
export async function updateBatch(deps: PreferenceUpdateDeps, attempt: WriteAttempt): Promise<Answer> {
  const batchKey = toBatchKey(attempt);
  const maybeApplied = attempt.priorAttempt !== 'none';
  const withheld = await checkBeforeSending(deps.ledger, attempt);
  if (withheld && !maybeApplied) return withheld;
  if (withheld || (maybeApplied && Date.now() - attempt.sentSince.getTime() >= deps.keyLifeMs)) {
    // An objection of somebody else must not use up the second attempt of an item.
    const refs = readBackRefs(attempt, withheld ? {} : keepAgain(attempt));
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
    messages: answer.notes,
    details: describe(answer, groups),
  };
}

/** CXone answers others, but never this item: reading it back shows whether it was applied. */
export function readBackInstead(attempt: WriteAttempt, error: CxoneError): Answer {
  return {
    groups: [],
    derived: derive(READ_BACK, attempt.seqs, readBackRefs(attempt, keepAgain(attempt))),
    httpStatus: error.status,
    requestId: error.requestId,
    details: `It always fails (${error.message}) and is read back`,
    readOnly: true,
    emitsEvent: false,
  };
}

function readBackRefs(attempt: WriteAttempt, again: UpdateRefs): ReadBackRefs {
  return { ...again, batchKey: toBatchKey(attempt), sentAt: attempt.sentSince.toISOString() };
}

/**
 * Checks our own suppression list before every attempt. Whether the guard's lookups are recent is checked before the first
 * one, also at a half, which is a new request: a repeat under the same key adds nothing to what CXone was sent, unless
 * somebody has objected since. Null: it may be sent.
 */
async function checkBeforeSending(ledger: Ledger, attempt: WriteAttempt): Promise<Answer | null> {
  if (!hasOptIn(attempt)) return null;
  const refs = (attempt.refs ?? {}) as UpdateRefs;
  const { guardedAt } = refs;
  const isOutdated = guardedAt === undefined || Date.now() - Date.parse(guardedAt) > GUARD_VALID_MS;
  const needsGuard = isGuarded(attempt.run) && isOutdated && attempt.lostAnswers === 0;
  const objections = needsGuard ? null : await findObjections(ledger, attempt);
  if (objections?.size === 0) return null;
  const next = objections === null ? GUARD : UPDATE;
  const verdicts = new Map<number, Verdict>(
    attempt.records.map(({ seq }) => [seq, objections?.get(seq) ?? { kind: 'send' }]),
  );
  return settleVerdicts(ledger, attempt, { verdicts, rest: [], refs: {} }, {}, next, refs);
}

const REFUSALS = { conflicts: 'refused for conflicts', refused: 'refused' } as const;

function describe({ kind, status }: UpdateBatchAnswer, groups: readonly SettledGroup[]): string {
  const settled = groups.reduce((sum, { seqs }) => sum + seqs.length, 0);
  const what = kind === 'updated' ? 'Updated' : `HTTP ${status}: ${REFUSALS[kind]}`;
  return `${what}, ${settled} settled`;
}
