/**
 * Reads CXone's answers to a batch of contacts as outcomes of our records (docs/cxone-contract.md#create-records). Pure,
 * so that the rules can be tested without a network.
 */
import type { Existing } from '../../contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../cxone/contact-lists.ts';
import { type Reason, toReason } from '../../domain/run.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from '../engine/bisect.ts';
import { OWN_OR_EXISTING } from '../engine/evidence.ts';
import type { PriorAttempt } from '../engine/prior-attempt.ts';

export const CREATE = 'create';
export const UPDATE = 'update';

/** Stored with a derived `create`: its records may have been applied already. */
export interface CreateRefs {
  readonly halved?: true;
}

/** Stored with an `update`: CXone's ids by seq. */
export interface UpdateRefs {
  readonly recordIds: Readonly<Record<string, string>>;
  /** A PUT of its record was sent, and the answer was lost. */
  readonly halved?: true;
  /** CXone named them as duplicates of records that we may have sent before. */
  readonly maybeOwn?: true;
}

export interface Sent {
  readonly seqs: readonly number[];
  readonly existing: Existing;
  readonly priorAttempt: PriorAttempt;
}

export interface Interpretation {
  readonly lostAttemptNotApplied?: true;
  readonly groups: SettledGroup[];
  readonly derived: DerivedWrite[];
}

/** It was sent alone, and is not invalid, since CXone refuses those: the list has it already. */
const NOT_CREATED: Reason = {
  code: 'not_created_unexplained',
  message:
    'CXone accepted the record, created nothing and named no reason, so its list should have it already',
};

/** CXone has the record, and an answer to a request of ours with it was lost: nobody can tell whether it was there before. */
const OURS_OR_BEFORE: Reason = {
  code: OWN_OR_EXISTING,
  message: 'created by this run, whose answer was lost, or in the list before',
};

export function interpretCreate(answer: CreateRecordsAnswer, sent: Sent): Interpretation {
  if (answer.kind === 'created') return interpretCreated(answer.recordsCreated, answer.named, sent);
  if (answer.kind === 'duplicates') return interpretDuplicates(answer.named, sent);
  return interpretRefused(answer.named, answer.message, sent);
}

/** 200: named records are duplicates or errors; the others were created, provided that CXone's count agrees. */
function interpretCreated(recordsCreated: number, named: readonly NamedRecord[], sent: Sent): Interpretation {
  const { duplicates, errors } = sortNamed(named, isDuplicate);
  const created = without(sent.seqs, [...duplicates, ...errors]);
  const settled = merge(settleDuplicates(duplicates, sent, mayBeOurs(sent)), {
    groups: rejections(errors, sent.seqs),
    derived: [],
  });
  if (recordsCreated >= created.length) {
    const all = merge(settled, createdWithWarnings(created, named, sent.seqs));
    // Had the lost attempt been applied, CXone would have refused these as duplicates.
    const isCertain = sent.priorAttempt === 'batch' && duplicates.length === 0;
    return isCertain ? { ...all, lostAttemptNotApplied: true } : all;
  }
  // Fewer were created, and CXone does not say which: the halves will show it, since it refuses those that it has.
  if (created.length > 1) return merge(settled, halve(created, 'some_records', NOT_CREATED));
  return merge(settled, { groups: [existingGroup(created, [NOT_CREATED], mayBeOurs(sent))], derived: [] });
}

/** 409: nothing was created by this request. */
function interpretDuplicates(named: readonly NamedRecord[], sent: Sent): Interpretation {
  const { seqs, priorAttempt } = sent;
  // A 409 is about duplicates, so only entries that clearly say something else count as something else.
  const { duplicates, errors } = sortNamed(
    named,
    (entry) => isDuplicate(entry) || entry.severity === 'warning' || entry.code === 'UNSPECIFIED',
  );
  if (named.length === 0) return unnamedDuplicates(sent);
  // Either the lost attempt was applied, or all of them existed before and it was refused as well.
  if (priorAttempt === 'batch' && without(seqs, duplicates).length === 0)
    return settleDuplicates(duplicates, sent, true);
  const rest = without(seqs, [...duplicates, ...errors]);
  const rejected = { groups: rejections(errors, seqs), derived: [] };
  // A batch is atomic: had the lost one been applied, all records would be named. So it had been refused, too.
  const isOpen = priorAttempt === 'some_records';
  const settled = merge(merge(settleDuplicates(duplicates, sent, isOpen), rejected), sendAgain(rest));
  return priorAttempt === 'batch' ? { ...settled, lostAttemptNotApplied: true } : settled;
}

function unnamedDuplicates(sent: Sent): Interpretation {
  const { seqs, existing, priorAttempt } = sent;
  if (seqs.length > 1) return halve(seqs, priorAttempt, { code: 'refused' });
  const reasons = existing === 'update' ? [{ code: 'no_record_id' }] : [];
  return { groups: [existingGroup(seqs, reasons, mayBeOurs(sent))], derived: [] };
}

const mayBeOurs = ({ priorAttempt }: Sent): boolean => priorAttempt !== 'none';

/** 400: nothing was created. Errors and duplicates are the cause; mere warnings are not. */
function interpretRefused(named: readonly NamedRecord[], message: string, sent: Sent): Interpretation {
  const { seqs, priorAttempt } = sent;
  const { duplicates, errors } = sortNamed(named, isDuplicate);
  if (duplicates.length + errors.length === 0) return halve(seqs, priorAttempt, { code: 'refused', message });
  const rest = without(seqs, [...duplicates, ...errors]);
  const settled = merge(settleDuplicates(duplicates, sent, mayBeOurs(sent)), {
    groups: rejections(errors, seqs),
    derived: [],
  });
  return merge(settled, sendAgain(rest, priorAttempt === 'none' ? undefined : { halved: true }));
}

function isDuplicate(entry: NamedRecord): boolean {
  return entry.code === 'DUPLICATE';
}

/** A record that is named as both counts as a duplicate: CXone has it, and no record may have two outcomes. */
function sortNamed(named: readonly NamedRecord[], isDuplicateHere: (entry: NamedRecord) => boolean) {
  const duplicates = named.filter(isDuplicateHere);
  const indices = new Set(duplicates.map((entry) => entry.index));
  const errors = named.filter((entry) => entry.severity === 'error' && !indices.has(entry.index));
  return { duplicates, errors };
}

function without(seqs: readonly number[], named: readonly NamedRecord[]): number[] {
  const indices = new Set(named.map((entry) => entry.index));
  return seqs.filter((_, index) => !indices.has(index));
}

/**
 * `--existing skip`: left alone. `update`: one more write for those whose record id CXone gave us, also if they may be our own,
 * because otherwise the list might silently keep the old contents.
 */
function settleDuplicates(
  duplicates: readonly NamedRecord[],
  { seqs, existing }: Sent,
  maybeOwn: boolean,
): Interpretation {
  const named = new Set(duplicates.map((entry) => seqs[entry.index]));
  const all = seqs.filter((seq) => named.has(seq));
  if (existing === 'skip')
    return { groups: all.length ? [existingGroup(all, [], maybeOwn)] : [], derived: [] };
  const recordIds = idsBySeq(duplicates, seqs);
  const updates = all.filter((seq) => String(seq) in recordIds);
  const withoutId = all.filter((seq) => !(String(seq) in recordIds));
  const refs: UpdateRefs = { recordIds, ...(maybeOwn && { maybeOwn }) };
  return {
    groups: withoutId.length ? [existingGroup(withoutId, [{ code: 'no_record_id' }], maybeOwn)] : [],
    derived: updates.length ? [{ kind: UPDATE, seqs: updates, refs }] : [],
  };
}

/** An id is one segment of a path: nothing, `.` and `..` are none. */
const NO_ID = /^\.{0,2}$/;

function idsBySeq(named: readonly NamedRecord[], seqs: readonly number[]): Record<string, string> {
  const entries = named.flatMap(({ index, recordId }) => {
    const seq = seqs[index];
    return seq === undefined || recordId === null || NO_ID.test(recordId) ? [] : [[String(seq), recordId]];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function existingGroup(seqs: readonly number[], reasons: readonly Reason[], maybeOwn: boolean): SettledGroup {
  if (maybeOwn) return { outcome: 'existing', seqs, ...openOrigin(reasons) };
  return { outcome: 'existing', seqs, ...(reasons.length > 0 && { reasons }) };
}

/** Of a record that CXone has: the outcome counts it, and the reason keeps it apart from those of which more is known. */
export function openOrigin(reasons: readonly Reason[] = []) {
  return { reasons: [...reasons, OURS_OR_BEFORE], evidence: OWN_OR_EXISTING };
}

function rejections(errors: readonly NamedRecord[], seqs: readonly number[]): SettledGroup[] {
  return groupByIndex(errors).flatMap(([index, entries]) => {
    const seq = seqs[index];
    return seq === undefined
      ? []
      : [{ outcome: 'rejected' as const, seqs: [seq], reasons: entries.map(toReason) }];
  });
}

function createdWithWarnings(
  created: readonly number[],
  named: readonly NamedRecord[],
  seqs: readonly number[],
): Interpretation {
  const warned = new Map(
    groupByIndex(named.filter((entry) => !isDuplicate(entry) && entry.severity === 'warning')).map(
      ([index, entries]) => [seqs[index], entries.map(toReason)] as const,
    ),
  );
  const plain = created.filter((seq) => !warned.has(seq));
  const groups: SettledGroup[] = created
    .filter((seq) => warned.has(seq))
    .map((seq) => ({ outcome: 'created', seqs: [seq], reasons: warned.get(seq) ?? [] }));
  return { groups: plain.length ? [{ outcome: 'created', seqs: plain }, ...groups] : groups, derived: [] };
}

function groupByIndex(entries: readonly NamedRecord[]): [number, NamedRecord[]][] {
  const groups = new Map<number, NamedRecord[]>();
  for (const entry of entries) groups.set(entry.index, [...(groups.get(entry.index) ?? []), entry]);
  return [...groups];
}

function sendAgain(seqs: readonly number[], refs?: CreateRefs): Interpretation {
  return { groups: [], derived: seqs.length ? [{ kind: CREATE, seqs, ...(refs && { refs }) }] : [] };
}

/**
 * Halves isolate the record that caused a refusal; a single record without an explanation is rejected. If the request was
 * refused as a whole and never sent before, its halves count as never sent; otherwise they may have been applied.
 */
function halve(seqs: readonly number[], priorAttempt: PriorAttempt, reason: Reason): Interpretation {
  if (seqs.length === 0) return { groups: [], derived: [] };
  if (seqs.length === 1) return { groups: [{ outcome: 'rejected', seqs, reasons: [reason] }], derived: [] };
  const [first, second] = bisect(seqs);
  const refs: CreateRefs | undefined = priorAttempt === 'none' ? undefined : { halved: true };
  return merge(sendAgain(first, refs), sendAgain(second, refs));
}

function merge(a: Interpretation, b: Interpretation): Interpretation {
  return { groups: [...a.groups, ...b.groups], derived: [...a.derived, ...b.derived] };
}
