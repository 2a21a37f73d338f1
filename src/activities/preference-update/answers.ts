/**
 * CXone's answers to a batch of preferences, read as outcomes of our records: cxone-api.md "preferences", decisions.md
 * 24 and 25, reliability.md §3.4. Pure, so that the rules can be tested without a network.
 */
import type {
  NamedPreference,
  PreferenceItem,
  PreferenceResult,
  StoredPreference,
  UpdateBatchAnswer,
} from '../../cxone/preferences.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from '../engine/bisect.ts';

/** What CXone has is read first, so that no opt-in overwrites a newer withdrawal. */
export const GUARD = 'guard';
/** The batch. */
export const UPDATE = 'update';
/** What CXone has is read afterwards: it decided otherwise, or did not say. */
export const READ_BACK = 'read_back';

export interface UpdateRefs {
  /** When the guard looked, ISO 8601. */
  readonly guardedAt?: string;
  /** It was sent before, and CXone did not say what became of it. */
  readonly again?: true;
}
export interface ReadBackRefs {
  readonly tries?: number;
  /** CXone has decided: it is not sent again. */
  readonly decided?: true;
  /** The batch after this one would be the third. */
  readonly again?: true;
  /** Of the batch that carried them, and when that left. */
  readonly batchKey?: string;
  readonly sentAt?: string | null;
}

/** An item with the number of its record. */
export interface SentItem {
  readonly seq: number;
  readonly item: PreferenceItem;
}

export interface Interpretation {
  readonly groups: SettledGroup[];
  readonly derived: DerivedWrite[];
}

/** Repeated with the same key and the same bytes: what CXone says now it may have said before. */
export const REPEATED = 'repeated_with_same_key';
export const READ_BACK_EVIDENCE = 'read_back';

export function interpretUpdate(
  answer: UpdateBatchAnswer,
  sent: readonly SentItem[],
  isRepeat: boolean,
  refs: UpdateRefs,
): Interpretation {
  if (answer.kind === 'updated') return interpretResults(answer.results, sent, isRepeat, refs);
  if (answer.kind === 'conflicts') return interpretConflicts(answer.conflicts, sent, refs);
  return interpretRefused(answer.named, answer.message, sent, refs);
}

function interpretResults(
  results: readonly PreferenceResult[],
  sent: readonly SentItem[],
  isRepeat: boolean,
  { again }: UpdateRefs,
): Interpretation {
  const byIndex = new Map(results.map((result) => [result.index, result]));
  const updated: number[] = [];
  const resolved: number[] = [];
  const existing: number[] = [];
  const kept: number[] = [];
  const unsaid: number[] = [];
  for (const [index, { seq, item }] of sent.entries()) {
    const result = byIndex.get(index);
    if (!result || !isKnown(result)) unsaid.push(seq);
    else if (result.optIn !== item.optIn) kept.push(seq);
    else if (result.conflictResolved && result.status === 'unchanged') existing.push(seq);
    else (result.conflictResolved ? resolved : updated).push(seq);
  }
  const evidence = isRepeat ? REPEATED : undefined;
  return {
    groups: [
      ...groupOf('updated', updated, undefined, evidence),
      ...groupOf(
        'updated',
        resolved,
        { code: 'conflict_resolved', message: 'the newest timestamp won: ours' },
        evidence,
      ),
      ...groupOf('existing', existing, {
        code: 'newer_in_cxone',
        message: 'CXone has the same choice, and newer',
      }),
    ],
    derived: [
      ...derive(READ_BACK, kept, { decided: true } satisfies ReadBackRefs),
      ...derive(READ_BACK, unsaid, again ? { again } : undefined),
    ],
  };
}

/** S0 shows `updated`; the others are what a word of this kind may be. An unknown one is looked into. */
const APPLIED = ['updated', 'created', 'unchanged', 'ok', 'success'];

function isKnown({ status }: PreferenceResult): boolean {
  return APPLIED.includes(status.toLowerCase());
}

/** 409: nothing was applied. Those named are looked at, for what they conflict with; the rest goes again. */
function interpretConflicts(
  conflicts: readonly NamedPreference[],
  sent: readonly SentItem[],
  refs: UpdateRefs,
): Interpretation {
  if (conflicts.length === 0) return halve(sent, refs, READ_BACK, null);
  const { named, rest } = split(conflicts, sent);
  return {
    groups: [],
    derived: [
      ...derive(READ_BACK, named, { decided: true } satisfies ReadBackRefs),
      ...derive(UPDATE, rest, refs),
    ],
  };
}

/** 400 or 422: nothing was applied. Those named are rejected; the rest goes again. */
function interpretRefused(
  errors: readonly NamedPreference[],
  message: string,
  sent: readonly SentItem[],
  refs: UpdateRefs,
): Interpretation {
  if (errors.length === 0) return halve(sent, refs, null, { code: 'refused', message });
  const { rest } = split(errors, sent);
  const groups = sent.flatMap(({ seq }, index) => {
    const mine = errors.filter((error) => error.index === index);
    return mine.length === 0
      ? []
      : [{ outcome: 'rejected' as const, seqs: [seq], reasons: mine.map(toReason) }];
  });
  return { groups, derived: derive(UPDATE, rest, refs) };
}

/** Two halves, to isolate whom nobody names; a single one is read back, or rejected. */
function halve(
  sent: readonly SentItem[],
  refs: UpdateRefs,
  single: typeof READ_BACK | null,
  reason: Reason | null,
): Interpretation {
  const seqs = sent.map(({ seq }) => seq);
  if (seqs.length > 1) {
    return { groups: [], derived: bisect(seqs).flatMap((half) => derive(UPDATE, half, refs)) };
  }
  if (single) return { groups: [], derived: derive(single, seqs, { decided: true } satisfies ReadBackRefs) };
  return { groups: groupOf('rejected', seqs, reason ?? undefined), derived: [] };
}

function split(named: readonly NamedPreference[], sent: readonly SentItem[]) {
  const indexes = new Set(named.map(({ index }) => index));
  const seqsOf = (isNamed: boolean) =>
    sent.filter((_, index) => indexes.has(index) === isNamed).map(({ seq }) => seq);
  return { named: seqsOf(true), rest: seqsOf(false) };
}

// --- against what CXone has ----------------------------------------------------------------------------------

/** What becomes of an item, by what CXone has on record of its contact and channel. */
export type Verdict =
  | { readonly kind: 'send' }
  | {
      readonly kind: 'settle';
      readonly outcome: Outcome;
      readonly reason?: Reason;
      readonly evidence?: string;
    };

const SEND: Verdict = { kind: 'send' };

/** Before the batch. Only an opt-in can be too old: an objection always goes out. */
export function guard(item: PreferenceItem, stored: StoredPreference | null): Verdict {
  const withdrawnAt = stored === null ? null : withdrawalOf(stored);
  if (!item.optIn || withdrawnAt === null || isAfter(item.consentTimestamp, withdrawnAt)) return SEND;
  return settled('conflict', olderConsent(item, withdrawnAt));
}

/** The same against our own suppression list. */
export function guardAgainstObjection(item: PreferenceItem, since: Date): Verdict {
  if (!item.optIn || isAfter(item.consentTimestamp, since.toISOString())) return SEND;
  return settled('conflict', olderConsent(item, since.toISOString()));
}

function olderConsent({ consentTimestamp }: PreferenceItem, withdrawnAt: string): Reason {
  const message = `consent of ${consentTimestamp ?? '?'}, withdrawal of ${withdrawnAt}: the withdrawal wins`;
  return { code: 'older_than_withdrawal', field: 'consentTimestamp', message };
}

/** After the batch, where CXone has decided otherwise or did not say. */
export function judgeReadBack(
  item: PreferenceItem,
  stored: StoredPreference | null,
  { decided, again }: ReadBackRefs,
): Verdict {
  if (stored && isSame(item, stored))
    return { kind: 'settle', outcome: 'updated', evidence: READ_BACK_EVIDENCE };
  if (decided) return settled('conflict', conflictWith(item, stored));
  if (stored && supersedes(stored, item)) return settled('conflict', conflictWith(item, stored));
  if (!again) return SEND;
  return settled('rejected', {
    code: 'not_applied_unexplained',
    message: 'sent twice, and CXone does not have it',
  });
}

function conflictWith(item: PreferenceItem, stored: StoredPreference | null): Reason {
  const theirs = stored === null ? 'nothing on record' : saying(stored);
  return { code: 'newer_in_cxone', message: `ours: ${saying(item)}; CXone: ${theirs}` };
}

function saying(preference: PreferenceItem | StoredPreference): string {
  const { optIn, consentTimestamp, withdrawalTimestamp, updatedAt } = preference;
  return optIn
    ? `consent of ${consentTimestamp ?? updatedAt ?? '?'}`
    : `withdrawal of ${withdrawalTimestamp ?? updatedAt ?? '?'}`;
}

function supersedes(stored: StoredPreference, item: PreferenceItem): boolean {
  return guard(item, stored).kind === 'settle' || isAfter(stored.updatedAt, item.updatedAt);
}

/** An objection that CXone refused must not be lost. It is not, where CXone has one, or a consent that is newer. */
export function needsSuppression(item: PreferenceItem, stored: StoredPreference | null): boolean {
  if (item.optIn) return false;
  if (stored === null) return true;
  return stored.optIn && !isAfter(stored.consentTimestamp, item.withdrawalTimestamp);
}

/** When CXone knows of a withdrawal that its consent does not supersede; without a date: when it was last touched. */
function withdrawalOf(stored: StoredPreference): string | null {
  const { optIn, consentTimestamp, withdrawalTimestamp, updatedAt } = stored;
  // No moment at all: in doubt the withdrawal is the newer one.
  if (!optIn) return withdrawalTimestamp ?? updatedAt ?? LATEST;
  return withdrawalTimestamp !== null && !isAfter(consentTimestamp, withdrawalTimestamp)
    ? withdrawalTimestamp
    : null;
}

const LATEST = '9999-12-31T23:59:59.999Z';

function isSame(item: PreferenceItem, stored: StoredPreference): boolean {
  return (
    stored.optIn === item.optIn &&
    isSameMoment(stored.consentTimestamp, item.consentTimestamp) &&
    isSameMoment(stored.withdrawalTimestamp, item.withdrawalTimestamp)
  );
}

function isSameMoment(a: string | null, b: string | null): boolean {
  return a === b || (a !== null && b !== null && Date.parse(a) === Date.parse(b));
}

/** What is no moment is after nothing. */
function isAfter(a: string | null, b: string | null): boolean {
  if (a === null) return false;
  return b === null || Date.parse(a) > Date.parse(b);
}

// --- parts ---------------------------------------------------------------------------------------------------

function settled(outcome: Outcome, reason: Reason): Verdict {
  return { kind: 'settle', outcome, reason };
}

function toReason({ code, field, message }: NamedPreference): Reason {
  return { code, ...(field !== null && { field }), ...(message !== null && { message }) };
}

export function groupOf(
  outcome: Outcome,
  seqs: readonly number[],
  reason?: Reason,
  evidence?: string,
): SettledGroup[] {
  if (seqs.length === 0) return [];
  return [
    { outcome, seqs, ...(reason && { reasons: [reason] }), ...(evidence !== undefined && { evidence }) },
  ];
}

export function derive(kind: string, seqs: readonly number[], refs?: object): DerivedWrite[] {
  return seqs.length === 0 ? [] : [{ kind, seqs, ...(refs && Object.keys(refs).length > 0 && { refs }) }];
}
