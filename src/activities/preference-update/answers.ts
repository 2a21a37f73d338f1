/**
 * CXone's answers to a batch of preferences as outcomes of our records (docs/cxone-contract.md#update-a-batch,
 * docs/adr/0016-consent.md). Pure, so that the rules can be tested without a network.
 */
import type {
  NamedPreference,
  PreferenceItem,
  PreferenceResult,
  UpdateBatchAnswer,
} from '../../cxone/preferences.ts';
import { type Outcome, type Reason, toReason } from '../../domain/run.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from '../engine/bisect.ts';
import type { LookupRefs } from '../engine/lookups.ts';
import type { ReadBackFacts } from './verdicts.ts';

/** Lookups before the batch, so that no opt-in overwrites a newer withdrawal. */
export const GUARD = 'guard';
/** The batch itself. */
export const UPDATE = 'update';
/** Lookups after the batch, for items whose result is open. */
export const READ_BACK = 'read_back';

export interface UpdateRefs {
  /** When the guard read CXone, ISO 8601. */
  readonly guardedAt?: string;
  /** The items were sent before, CXone's answer did not account for them, and CXone did not have them afterwards. */
  readonly again?: true;
}
export interface ReadBackRefs extends ReadBackFacts, LookupRefs {
  /** The key of the batch that carried the items, and when it was sent. */
  readonly batchKey?: string;
  readonly sentAt?: string | null;
}

/** An item with the number of its record. */
interface SentItem {
  readonly seq: number;
  readonly item: PreferenceItem;
}

export interface Interpretation {
  readonly groups: SettledGroup[];
  readonly derived: DerivedWrite[];
}

/** Evidence: the batch was repeated with the same key, so CXone may have given this answer before. */
const REPEATED = 'repeated_with_same_key';

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
  const updated: Known[] = [];
  const resolved: Known[] = [];
  const existing: Known[] = [];
  const overruled: number[] = [];
  const unaccounted: number[] = [];
  for (const [index, { seq, item }] of sent.entries()) {
    const result = byIndex.get(index);
    if (!result || !isApplied(result)) unaccounted.push(seq);
    else if (result.optIn !== item.optIn) overruled.push(seq);
    else if (result.conflictResolved && result.status === 'unchanged') existing.push({ seq, id: result.id });
    else (result.conflictResolved ? resolved : updated).push({ seq, id: result.id });
  }
  const evidence = isRepeat ? REPEATED : undefined;
  const newestWon = { code: 'conflict_resolved', message: 'the newest timestamp won: ours' };
  const alreadyNewer = { code: 'newer_in_cxone', message: 'CXone has the same choice with a newer date' };
  return {
    groups: [
      ...settleKnown('updated', updated, undefined, evidence),
      ...settleKnown('updated', resolved, newestWon, evidence),
      ...settleKnown('existing', existing, alreadyNewer),
    ],
    derived: [
      ...derive(READ_BACK, overruled, { decided: true } satisfies ReadBackRefs),
      ...derive(READ_BACK, unaccounted, again ? { again } : undefined),
    ],
  };
}

/** The preferences tutorial shows `updated`; the others are plausible. An item with any other status is read back. */
const APPLIED = ['updated', 'created', 'unchanged', 'ok', 'success'];

function isApplied({ status }: PreferenceResult): boolean {
  return APPLIED.includes(status);
}

/** 409: nothing was applied. The named items are read back, to see what they conflict with; the rest is sent again. */
function interpretConflicts(
  conflicts: readonly NamedPreference[],
  sent: readonly SentItem[],
  refs: UpdateRefs,
): Interpretation {
  if (conflicts.length > 0) {
    const { named, rest } = split(conflicts, sent);
    return { groups: [], derived: [...readBackDecided(named), ...derive(UPDATE, rest, refs)] };
  }
  const seqs = sent.map(({ seq }) => seq);
  if (seqs.length === 1) return { groups: [], derived: readBackDecided(seqs) };
  return halve(seqs, refs);
}

function readBackDecided(seqs: readonly number[]): DerivedWrite[] {
  return derive(READ_BACK, seqs, { decided: true } satisfies ReadBackRefs);
}

/** 400 or 422: nothing was applied. The named items are rejected; the rest is sent again. */
function interpretRefused(
  errors: readonly NamedPreference[],
  message: string,
  sent: readonly SentItem[],
  refs: UpdateRefs,
): Interpretation {
  if (errors.length > 0) {
    const { rest } = split(errors, sent);
    return { groups: rejectNamed(errors, sent), derived: derive(UPDATE, rest, refs) };
  }
  const seqs = sent.map(({ seq }) => seq);
  if (seqs.length === 1)
    return { groups: settle('rejected', seqs, { code: 'refused', message }), derived: [] };
  return halve(seqs, refs);
}

function rejectNamed(errors: readonly NamedPreference[], sent: readonly SentItem[]): SettledGroup[] {
  return sent.flatMap(({ seq }, index) => {
    const reasons = errors.filter((error) => error.index === index).map(toReason);
    return reasons.length === 0 ? [] : [{ outcome: 'rejected', seqs: [seq], reasons }];
  });
}

/** Sends two halves, to isolate an item that the answer does not name. */
function halve(seqs: readonly number[], refs: UpdateRefs): Interpretation {
  return { groups: [], derived: bisect(seqs).flatMap((half) => derive(UPDATE, half, refs)) };
}

function split(named: readonly NamedPreference[], sent: readonly SentItem[]) {
  const indexes = new Set(named.map(({ index }) => index));
  const seqsWhere = (isNamed: boolean) =>
    sent.filter((_, index) => indexes.has(index) === isNamed).map(({ seq }) => seq);
  return { named: seqsWhere(true), rest: seqsWhere(false) };
}

/** A record with CXone's id of its preference. */
interface Known {
  readonly seq: number;
  readonly id: string | null;
}

function settleKnown(
  outcome: Outcome,
  known: readonly Known[],
  reason?: Reason,
  evidence?: string,
): SettledGroup[] {
  const seqs = known.map(({ seq }) => seq);
  const cxoneIds = known.map(({ id }) => id);
  return settle(outcome, seqs, reason, evidence).map((group) => ({ ...group, cxoneIds }));
}

/** One group, or none if there are no records. */
function settle(
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

/** One write, or none if there are no records. */
export function derive(kind: string, seqs: readonly number[], refs?: object): DerivedWrite[] {
  return seqs.length === 0 ? [] : [{ kind, seqs, ...(refs && Object.keys(refs).length > 0 && { refs }) }];
}
