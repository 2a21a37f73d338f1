/**
 * Reads CXone's answers to a batch of contacts as outcomes of our records (docs/cxone-contract.md#create-records). Pure,
 * so that the rules can be tested without a network.
 */
import type { Existing } from '../../contract/contact-import.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../cxone/contact-lists.ts';
import {
  existingGroup,
  type Interpretation,
  interpretCreate as interpretAnswer,
} from '../engine/created-records.ts';
import type { PriorAttempt } from '../engine/prior-attempt.ts';

export const CREATE = 'create';
export const UPDATE = 'update';

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

export function interpretCreate(answer: CreateRecordsAnswer, sent: Sent): Interpretation {
  const { seqs, priorAttempt, existing: policy } = sent;
  const read = answer.kind === 'created' ? { ...answer, created: answer.recordsCreated } : answer;
  return interpretAnswer<NamedRecord>(read, {
    seqs,
    priorAttempt,
    kind: CREATE,
    settleExisting: (existing, maybeOwn) =>
      policy === 'skip'
        ? { groups: [existingGroup([...existing.keys()], [], maybeOwn)], derived: [] }
        : updateExisting(existing, maybeOwn),
  });
}

/**
 * One more write for those whose record id CXone gave us, also if they may be our own, because otherwise the list might
 * silently keep the old contents.
 */
function updateExisting(
  existing: ReadonlyMap<number, readonly NamedRecord[]>,
  maybeOwn: boolean,
): Interpretation {
  const recordIds = findIds(existing);
  const updates = [...existing.keys()].filter((seq) => String(seq) in recordIds);
  const withoutId = [...existing.keys()].filter((seq) => !(String(seq) in recordIds));
  const refs: UpdateRefs = { recordIds, ...(maybeOwn && { maybeOwn }) };
  return {
    groups: withoutId.length ? [existingGroup(withoutId, [{ code: 'no_record_id' }], maybeOwn)] : [],
    derived: updates.length ? [{ kind: UPDATE, seqs: updates, refs }] : [],
  };
}

/** An id is one segment of a path: nothing, `.` and `..` are none. */
const NO_ID = /^\.{0,2}$/;

/** By seq. */
function findIds(existing: ReadonlyMap<number, readonly NamedRecord[]>): Record<string, string> {
  const entries = [...existing].flatMap(([seq, named]) =>
    named.flatMap(({ recordId }) =>
      recordId === null || NO_ID.test(recordId) ? [] : [[String(seq), recordId] as const],
    ),
  );
  return Object.fromEntries(entries);
}
