/**
 * Reads CXone's answers to a batch of contacts as outcomes of our records (docs/cxone-contract.md#create-records). Pure,
 * so that the rules can be tested without a network.
 */
import type { Existing } from '../../contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../cxone/contact-lists.ts';
import type { Reason } from '../../domain/run.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from '../engine/bisect.ts';
import type { LostAttempt } from '../engine/definition.ts';
import { OWN_OR_EXISTING, OWN_WRITE } from '../engine/evidence.ts';
import { isSameBatch, type PriorAttempt } from '../engine/prior-attempt.ts';

export const CREATE = 'create';
export const UPDATE = 'update';

/** Stored with a derived `create` (engine/prior-attempt.ts). */
export interface CreateRefs {
  readonly halved?: true;
  readonly maybeDuplicates?: true;
}

/** Stored with an `update`: CXone's ids by seq. */
export interface UpdateRefs {
  readonly recordIds: Readonly<Record<string, string>>;
  /** A PUT of its record was sent, and the answer was lost. */
  readonly halved?: true;
  /** CXone named them as duplicates of a batch of ours whose answer was lost. */
  readonly ownWrite?: true;
  /** CXone named them as duplicates of records that we may have sent before. */
  readonly maybeOwn?: true;
}

export interface Sent {
  readonly seqs: readonly number[];
  readonly existing: Existing;
  readonly priorAttempt: PriorAttempt;
}

export interface Interpretation {
  readonly lostAttempt?: LostAttempt;
  readonly groups: SettledGroup[];
  readonly derived: DerivedWrite[];
}

/** It was sent alone, and is not invalid, since CXone refuses those: the list has it already. */
const NOT_CREATED: Reason = {
  code: 'not_created_unexplained',
  message:
    'CXone accepted the record, created nothing and named no reason, so its list should have it already',
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
  const settled = merge(
    settleDuplicates(duplicates, sent, sent.priorAttempt === 'none' ? undefined : OWN_OR_EXISTING),
    { groups: rejections(errors, sent.seqs), derived: [] },
  );
  if (recordsCreated >= created.length) {
    const all = merge(settled, createdWithWarnings(created, named, sent.seqs));
    // Had the lost attempt been applied, CXone would have refused these as duplicates.
    const isCertain = isSameBatch(sent.priorAttempt) && duplicates.length === 0;
    return isCertain ? { ...all, lostAttempt: 'not_applied' } : all;
  }
  // Fewer were created, and CXone does not say which: the halves will show it, since it refuses those that it has.
  if (created.length > 1) return merge(settled, halve(created, 'some_records', NOT_CREATED));
  const evidence = sent.priorAttempt === 'none' ? undefined : OWN_OR_EXISTING;
  return merge(settled, { groups: [existingGroup(created, [NOT_CREATED], evidence)], derived: [] });
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
  if (isSameBatch(priorAttempt) && without(seqs, duplicates).length === 0) {
    if (priorAttempt === 'batch') return ownWrite(duplicates, sent);
    return settleDuplicates(duplicates, sent, OWN_OR_EXISTING);
  }
  const rest = without(seqs, [...duplicates, ...errors]);
  // A batch is atomic: had the lost one been applied, all records would be named. So it had been refused, too.
  const evidence = priorAttempt === 'some_records' ? OWN_OR_EXISTING : undefined;
  const rejected = { groups: rejections(errors, seqs), derived: [] };
  const settled = merge(merge(settleDuplicates(duplicates, sent, evidence), rejected), sendAgain(rest));
  return isSameBatch(priorAttempt) ? { ...settled, lostAttempt: 'not_applied' } : settled;
}

/**
 * CXone named every record of a batch whose answer was lost. Either the batch had been applied, or all records existed
 * before and the lost answer was a refusal. With `--existing update` they are updated in both cases, because otherwise the
 * list might silently keep the old contents.
 */
function ownWrite(duplicates: readonly NamedRecord[], { seqs, existing }: Sent): Interpretation {
  const recordIds = existing === 'update' ? idsBySeq(duplicates, seqs) : {};
  const updates = Object.keys(recordIds).map(Number);
  const created = seqs.filter((seq) => !(String(seq) in recordIds));
  const refs: UpdateRefs = { recordIds, ownWrite: true };
  return {
    groups: created.length ? [{ outcome: 'created', seqs: created, evidence: OWN_WRITE }] : [],
    derived: updates.length ? [{ kind: UPDATE, seqs: updates, refs }] : [],
    lostAttempt: { appliedAs: 'created' },
  };
}

function unnamedDuplicates({ seqs, existing, priorAttempt }: Sent): Interpretation {
  if (seqs.length > 1) return halve(seqs, priorAttempt, { code: 'refused' });
  if (priorAttempt === 'batch')
    return {
      groups: [{ outcome: 'created', seqs, evidence: OWN_WRITE }],
      derived: [],
      lostAttempt: { appliedAs: 'created' },
    };
  const reasons = existing === 'update' ? [{ code: 'no_record_id' }] : undefined;
  const evidence = priorAttempt === 'none' ? undefined : OWN_OR_EXISTING;
  return { groups: [existingGroup(seqs, reasons, evidence)], derived: [] };
}

/** 400: nothing was created. Errors and duplicates are the cause; mere warnings are not. */
function interpretRefused(named: readonly NamedRecord[], message: string, sent: Sent): Interpretation {
  const { seqs, priorAttempt } = sent;
  const { duplicates, errors } = sortNamed(named, isDuplicate);
  if (duplicates.length + errors.length === 0) return halve(seqs, priorAttempt, { code: 'refused', message });
  const rest = without(seqs, [...duplicates, ...errors]);
  const evidence = priorAttempt === 'none' ? undefined : OWN_OR_EXISTING;
  const settled = merge(settleDuplicates(duplicates, sent, evidence), {
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

/** `--existing skip`: left alone. `update`: one more write for those whose record id CXone gave us. */
function settleDuplicates(
  duplicates: readonly NamedRecord[],
  { seqs, existing }: Sent,
  evidence: string | undefined,
): Interpretation {
  const named = new Set(duplicates.map((entry) => seqs[entry.index]));
  const all = seqs.filter((seq) => named.has(seq));
  if (existing === 'skip')
    return { groups: all.length ? [existingGroup(all, undefined, evidence)] : [], derived: [] };
  const recordIds = idsBySeq(duplicates, seqs);
  const updates = all.filter((seq) => String(seq) in recordIds);
  const withoutId = all.filter((seq) => !(String(seq) in recordIds));
  const refs: UpdateRefs = { recordIds, ...(evidence !== undefined && { maybeOwn: true }) };
  return {
    groups: withoutId.length ? [existingGroup(withoutId, [{ code: 'no_record_id' }], evidence)] : [],
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

function existingGroup(
  seqs: readonly number[],
  reasons?: readonly Reason[],
  evidence?: string,
): SettledGroup {
  return {
    outcome: 'existing',
    seqs,
    ...(reasons && { reasons }),
    ...(evidence !== undefined && { evidence }),
  };
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

function toReason({ code, field, message }: NamedRecord): Reason {
  return { code, ...(field !== null && { field }), ...(message !== null && { message }) };
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
  const refs: CreateRefs = priorAttempt === 'none' ? { maybeDuplicates: true } : { halved: true };
  return merge(sendAgain(first, refs), sendAgain(second, refs));
}

function merge(a: Interpretation, b: Interpretation): Interpretation {
  return { groups: [...a.groups, ...b.groups], derived: [...a.derived, ...b.derived] };
}
