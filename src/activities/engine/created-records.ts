/**
 * Reads CXone's answers to a batch of new records as outcomes of ours. A batch is atomic, and CXone refuses records that it has
 * (docs/adr/0014-lost-answers.md). Pure, so that the rules can be tested without a network.
 */
import { CxoneRefused } from '../../cxone/errors.ts';
import { type Reason, toReason } from '../../domain/run.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from './bisect.ts';
import { OWN_OR_EXISTING } from './evidence.ts';
import { type HalvedRefs, halvedRefs, type PriorAttempt } from './prior-attempt.ts';

/** What an answer says about one record of the request. */
export interface NamedRecord {
  /** Position in the request. */
  readonly index: number;
  /** `DUPLICATE` for a record that CXone has already; `UNSPECIFIED` if CXone returns none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
  readonly severity: 'warning' | 'error';
}

export type CreateAnswer<N extends NamedRecord> = { readonly named: readonly N[] } & (
  | {
      readonly kind: 'created';
      /** null: not counted, so every record that is not named was accepted. */
      readonly created: number | null;
    }
  /** 409: nothing was created. */
  | { readonly kind: 'duplicates' }
  /** 400 or 422: nothing was created. */
  | { readonly kind: 'refused'; readonly message: string }
);

/** What was sent, and how an operation goes on from there. */
export interface Sent<N extends NamedRecord> {
  readonly seqs: readonly number[];
  readonly priorAttempt: PriorAttempt;
  /** The kind of write that sends again what an answer leaves. */
  readonly kind: string;
  /** Settles records that CXone has, with what the answer says about each. `maybeOwn`: a lost attempt may have created them. */
  readonly settleExisting: (
    existing: ReadonlyMap<number, readonly N[]>,
    maybeOwn: boolean,
  ) => Pick<Interpretation, 'groups' | 'derived'>;
}

export interface Interpretation {
  readonly lostAttemptNotApplied?: true;
  readonly groups: readonly SettledGroup[];
  readonly derived: readonly DerivedWrite[];
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

/**
 * One row of megabytes must not end the run: a 413 is read like a batch with an invalid record that nobody names. Throws every
 * other error.
 */
export function asTooLarge(error: unknown) {
  if (!(error instanceof CxoneRefused) || error.status !== 413) throw error;
  const { status, requestId } = error;
  const parts = { status, requestId: requestId ?? '', named: [], notes: [] };
  return { kind: 'refused', message: 'too large (413)', ...parts } as const;
}

/** Every record of the request is in exactly one group or derived write, and every derived write is smaller than the request. */
export function interpretCreate<N extends NamedRecord>(
  answer: CreateAnswer<N>,
  sent: Sent<N>,
): Interpretation {
  if (answer.kind === 'created') return interpretCreated(answer.created ?? Infinity, answer.named, sent);
  if (answer.kind === 'duplicates') return interpretDuplicates(answer.named, sent);
  return interpretRefused(answer.named, answer.message, sent);
}

/** 200: named records are duplicates or errors; the others were created, provided that CXone's count agrees. */
function interpretCreated<N extends NamedRecord>(
  count: number,
  named: readonly N[],
  sent: Sent<N>,
): Interpretation {
  const { duplicates, errors } = sortNamed(named, isDuplicate);
  const created = without(sent.seqs, [...duplicates, ...errors]);
  const settled = merge(settleDuplicates(duplicates, sent, mayBeOurs(sent)), {
    groups: rejections(errors, sent.seqs),
    derived: [],
  });
  if (count >= created.length) {
    const all = merge(settled, createdWithWarnings(created, named, sent.seqs));
    // Had the lost attempt been applied, CXone would have refused these as duplicates.
    const isCertain = sent.priorAttempt === 'batch' && duplicates.length === 0;
    return isCertain ? { ...all, lostAttemptNotApplied: true } : all;
  }
  // Fewer were created, and CXone does not say which: the halves will show it, since it refuses those that it has.
  if (created.length > 1)
    return merge(settled, halve({ ...sent, seqs: created, priorAttempt: 'some_records' }, NOT_CREATED));
  return merge(settled, { groups: [existingGroup(created, [NOT_CREATED], mayBeOurs(sent))], derived: [] });
}

/** 409: nothing was created by this request. */
function interpretDuplicates<N extends NamedRecord>(named: readonly N[], sent: Sent<N>): Interpretation {
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
  const settled = merge(merge(settleDuplicates(duplicates, sent, isOpen), rejected), sendAgain(sent, rest));
  return priorAttempt === 'batch' ? { ...settled, lostAttemptNotApplied: true } : settled;
}

function unnamedDuplicates<N extends NamedRecord>(sent: Sent<N>): Interpretation {
  const { seqs, settleExisting } = sent;
  if (seqs.length > 1) return halve(sent, { code: 'refused' });
  return settleExisting(new Map(seqs.map((seq) => [seq, []])), mayBeOurs(sent));
}

const mayBeOurs = ({ priorAttempt }: { readonly priorAttempt: PriorAttempt }): boolean =>
  priorAttempt !== 'none';

/** 400: nothing was created. Errors and duplicates are the cause; mere warnings are not. */
function interpretRefused<N extends NamedRecord>(
  named: readonly N[],
  message: string,
  sent: Sent<N>,
): Interpretation {
  const { seqs, priorAttempt } = sent;
  const { duplicates, errors } = sortNamed(named, isDuplicate);
  if (duplicates.length + errors.length === 0) return halve(sent, { code: 'refused', message });
  const rest = without(seqs, [...duplicates, ...errors]);
  const settled = merge(settleDuplicates(duplicates, sent, mayBeOurs(sent)), {
    groups: rejections(errors, seqs),
    derived: [],
  });
  return merge(settled, sendAgain(sent, rest, halvedRefs(priorAttempt)));
}

function isDuplicate({ code }: NamedRecord): boolean {
  return code === 'DUPLICATE';
}

/** A record that is named as both counts as a duplicate: CXone has it, and no record may have two outcomes. */
function sortNamed<N extends NamedRecord>(named: readonly N[], isDuplicateHere: (entry: N) => boolean) {
  const duplicates = named.filter(isDuplicateHere);
  const indices = new Set(duplicates.map((entry) => entry.index));
  const errors = named.filter((entry) => entry.severity === 'error' && !indices.has(entry.index));
  return { duplicates, errors };
}

function without(seqs: readonly number[], named: readonly NamedRecord[]): number[] {
  const indices = new Set(named.map((entry) => entry.index));
  return seqs.filter((_, index) => !indices.has(index));
}

function settleDuplicates<N extends NamedRecord>(
  duplicates: readonly N[],
  { seqs, settleExisting }: Sent<N>,
  maybeOwn: boolean,
): Interpretation {
  if (duplicates.length === 0) return { groups: [], derived: [] };
  const byIndex = new Map(groupByIndex(duplicates));
  const existing = seqs.flatMap((seq, index) => {
    const entries = byIndex.get(index);
    return entries ? [[seq, entries] as const] : [];
  });
  return settleExisting(new Map(existing), maybeOwn);
}

export function existingGroup(
  seqs: readonly number[],
  reasons: readonly Reason[],
  maybeOwn: boolean,
): SettledGroup {
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

function groupByIndex<N extends NamedRecord>(entries: readonly N[]): [number, N[]][] {
  const groups = new Map<number, N[]>();
  for (const entry of entries) groups.set(entry.index, [...(groups.get(entry.index) ?? []), entry]);
  return [...groups];
}

function sendAgain(
  { kind }: { readonly kind: string },
  seqs: readonly number[],
  refs?: HalvedRefs,
): Interpretation {
  return { groups: [], derived: seqs.length ? [{ kind, seqs, ...(refs && { refs }) }] : [] };
}

/**
 * Halves isolate the record that caused a refusal; a single record without an explanation is rejected. If the request was
 * refused as a whole and never sent before, its halves count as never sent; otherwise they may have been applied.
 */
function halve(
  { kind, seqs, priorAttempt }: Pick<Sent<never>, 'kind' | 'seqs' | 'priorAttempt'>,
  reason: Reason,
): Interpretation {
  if (seqs.length === 0) return { groups: [], derived: [] };
  if (seqs.length === 1) return { groups: [{ outcome: 'rejected', seqs, reasons: [reason] }], derived: [] };
  const [first, second] = bisect(seqs);
  const refs = halvedRefs(priorAttempt);
  return merge(sendAgain({ kind }, first, refs), sendAgain({ kind }, second, refs));
}

function merge(a: Interpretation, b: Interpretation): Interpretation {
  return { groups: [...a.groups, ...b.groups], derived: [...a.derived, ...b.derived] };
}
