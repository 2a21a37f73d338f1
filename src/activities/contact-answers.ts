/**
 * CXone's answers to a batch of contacts, read as outcomes of our records: decisions.md 15 and 16, cxone-api.md
 * "contactlists". Pure, so that the rules can be tested without a network.
 */
import type { Existing } from '../contract.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../cxone/contact-lists.ts';
import type { Reason } from '../domain/run.ts';
import type { DerivedOperation, SettledGroup } from '../ledger/operations.ts';
import type { Doubt } from './bulk.ts';

export const CREATE = 'create';
export const UPDATE = 'update';

/** What goes with a derived `create`: its records may have been applied already. */
export interface CreateRefs {
  readonly halved?: true;
}
/** What goes with an `update`: CXone's ids by seq. */
export interface UpdateRefs {
  readonly recordIds: Readonly<Record<string, string>>;
}

export interface Sent {
  readonly seqs: readonly number[];
  readonly existing: Existing;
  readonly doubt: Doubt;
}

export interface Interpretation {
  readonly groups: SettledGroup[];
  readonly derived: DerivedOperation[];
}

export function interpretCreate(answer: CreateRecordsAnswer, sent: Sent): Interpretation {
  if (answer.kind === 'created') return interpretCreated(answer.recordsCreated, answer.named, sent);
  if (answer.kind === 'duplicates') return interpretDuplicates(answer.named, sent);
  return interpretRefused(answer.named, answer.message, sent);
}

/** 200: what is named was a duplicate or an error; the rest was created, if there are as many as CXone says. */
function interpretCreated(recordsCreated: number, named: readonly NamedRecord[], sent: Sent): Interpretation {
  const duplicates = named.filter(isDuplicate);
  const errors = named.filter((entry) => !isDuplicate(entry) && entry.severity === 'error');
  const notCreated = new Set([...duplicates, ...errors].map((entry) => entry.index));
  const created = sent.seqs.filter((_, index) => !notCreated.has(index));
  const settled = merge(
    settleDuplicates(duplicates, sent, sent.doubt === 'none' ? undefined : 'own_write_or_existing'),
    { groups: rejections(errors, sent.seqs), derived: [] },
  );
  if (recordsCreated >= created.length) return merge(settled, createdWithWarnings(created, named, sent.seqs));
  // Fewer than that, and nobody says which: the halves will tell, for CXone refuses those that it has.
  return merge(settled, halve(created, 'not_created_unexplained'));
}

/** 409: nothing was created by this request. */
function interpretDuplicates(named: readonly NamedRecord[], sent: Sent): Interpretation {
  const { seqs, doubt } = sent;
  if (named.length === 0) return unnamedDuplicates(sent);
  const indices = new Set(named.map((entry) => entry.index));
  if (doubt === 'whole' && indices.size === seqs.length) {
    return { groups: [{ outcome: 'created', seqs, evidence: 'own_write_lost_answer' }], derived: [] };
  }
  const rest = seqs.filter((_, index) => !indices.has(index));
  // A batch is atomic: had the lost one been applied, all would be named. So it had been refused too.
  const evidence = doubt === 'parts' ? 'own_write_or_existing' : undefined;
  return merge(settleDuplicates(named, sent, evidence), again(rest));
}

function unnamedDuplicates({ seqs, existing, doubt }: Sent): Interpretation {
  if (seqs.length > 1) return halve(seqs, 'not_created_unexplained');
  if (doubt === 'whole') {
    return { groups: [{ outcome: 'created', seqs, evidence: 'own_write_lost_answer' }], derived: [] };
  }
  const reasons = existing === 'update' ? [{ code: 'no_record_id' }] : undefined;
  return {
    groups: [existingGroup(seqs, reasons, doubt === 'parts' ? 'own_write_or_existing' : undefined)],
    derived: [],
  };
}

/** 400: nothing was created. */
function interpretRefused(
  named: readonly NamedRecord[],
  message: string,
  { seqs, doubt }: Sent,
): Interpretation {
  if (named.length === 0 && seqs.length > 1) return halve(seqs, 'refused');
  if (named.length === 0) {
    return { groups: [{ outcome: 'rejected', seqs, reasons: [{ code: 'refused', message }] }], derived: [] };
  }
  const indices = new Set(named.map((entry) => entry.index));
  const rest = seqs.filter((_, index) => !indices.has(index));
  const next = doubt === 'none' ? again(rest) : again(rest, { halved: true });
  return merge({ groups: rejections(named, seqs), derived: [] }, next);
}

function isDuplicate(entry: NamedRecord): boolean {
  return entry.code === 'DUPLICATE';
}

/** `--existing skip`: left alone. `update`: one more operation, for those whose record id CXone told us. */
function settleDuplicates(
  named: readonly NamedRecord[],
  sent: Sent,
  evidence: string | undefined,
): Interpretation {
  const byIndex = new Map(named.map((entry) => [entry.index, entry]));
  const seqOf = (index: number) => sent.seqs[index];
  const all = [...byIndex.keys()].map(seqOf).filter((seq) => seq !== undefined);
  if (sent.existing === 'skip')
    return { groups: all.length ? [existingGroup(all, undefined, evidence)] : [], derived: [] };
  const recordIds: Record<string, string> = {};
  const withoutId: number[] = [];
  for (const [index, { recordId }] of byIndex) {
    const seq = seqOf(index);
    if (seq === undefined) continue;
    if (recordId === null) withoutId.push(seq);
    else recordIds[String(seq)] = recordId;
  }
  const seqs = Object.keys(recordIds).map(Number);
  return {
    groups: withoutId.length ? [existingGroup(withoutId, [{ code: 'no_record_id' }], evidence)] : [],
    derived: seqs.length ? [{ kind: UPDATE, seqs, refs: { recordIds } satisfies UpdateRefs }] : [],
  };
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
      : [{ outcome: 'rejected' as const, seqs: [seq], reasons: entries.map(reasonOf) }];
  });
}

function createdWithWarnings(
  created: readonly number[],
  named: readonly NamedRecord[],
  seqs: readonly number[],
): Interpretation {
  const warned = new Map(
    groupByIndex(named.filter((entry) => !isDuplicate(entry) && entry.severity === 'warning')).map(
      ([index, entries]) => [seqs[index], entries.map(reasonOf)] as const,
    ),
  );
  const plain = created.filter((seq) => !warned.has(seq));
  const groups: SettledGroup[] = created
    .filter((seq) => warned.has(seq))
    .map((seq) => ({ outcome: 'created', seqs: [seq], reasons: warned.get(seq) ?? [] }));
  return { groups: plain.length ? [{ outcome: 'created', seqs: plain }, ...groups] : groups, derived: [] };
}

function reasonOf({ code, field, message }: NamedRecord): Reason {
  return { code, ...(field !== null && { field }), ...(message !== null && { message }) };
}

function groupByIndex(entries: readonly NamedRecord[]): [number, NamedRecord[]][] {
  const groups = new Map<number, NamedRecord[]>();
  for (const entry of entries) groups.set(entry.index, [...(groups.get(entry.index) ?? []), entry]);
  return [...groups];
}

function again(seqs: readonly number[], refs?: CreateRefs): Interpretation {
  return { groups: [], derived: seqs.length ? [{ kind: CREATE, seqs, ...(refs && { refs }) }] : [] };
}

/** Two halves, each of whose records may have been applied; a single record that cannot be explained is rejected. */
function halve(seqs: readonly number[], code: string): Interpretation {
  if (seqs.length === 0) return { groups: [], derived: [] };
  if (seqs.length === 1) return { groups: [{ outcome: 'rejected', seqs, reasons: [{ code }] }], derived: [] };
  const middle = Math.ceil(seqs.length / 2);
  const refs: CreateRefs = { halved: true };
  return {
    groups: [],
    derived: [seqs.slice(0, middle), seqs.slice(middle)].map((half) => ({ kind: CREATE, seqs: half, refs })),
  };
}

function merge(a: Interpretation, b: Interpretation): Interpretation {
  return { groups: [...a.groups, ...b.groups], derived: [...a.derived, ...b.derived] };
}
