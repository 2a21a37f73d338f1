/** Example operation: reads CXone's answers as outcomes of our records. Pure, so that it can be tested without a network. */
import { bisect } from '../../src/activities/engine/bisect.ts';
import { OWN_OR_EXISTING } from '../../src/activities/engine/evidence.ts';
import type { Answer, WriteAttempt } from '../../src/activities/engine/write-definition.ts';
import type { CreateRecordsAnswer, NamedRecord } from '../../src/cxone/contact-lists.ts';
import type { Reason } from '../../src/domain/run.ts';

export const CREATE = 'create';

type Sent = Pick<WriteAttempt, 'seqs' | 'priorAttempt'>;
type Interpretation = Pick<Answer, 'groups' | 'derived' | 'lostAttemptNotApplied'>;

/**
 * Every record of the request is in exactly one group or derived write, and every derived write is smaller than the
 * request: otherwise it would be sent for ever.
 */
export function interpret(answer: CreateRecordsAnswer, sent: Sent): Interpretation {
  const { existing, wrong, rest } = sortByAnswer(answer, sent.seqs);
  const isComplete = answer.kind === 'created' && answer.recordsCreated >= rest.length;
  const isNotApplied = showsNotApplied(answer.kind, sent, existing, isComplete);
  const isInDoubt = sent.priorAttempt !== 'none' && !isNotApplied;
  const settled: Answer['groups'] = [
    { outcome: 'existing', seqs: existing, ...(isInDoubt && { evidence: OWN_OR_EXISTING }) },
    { outcome: 'rejected', seqs: wrong, reasons: reasonsOf(answer) },
    { outcome: 'created', seqs: isComplete ? rest : [] },
  ];
  const { groups, derived } = isComplete ? NOTHING : sendAgain(answer, rest, sent, isInDoubt);
  return {
    groups: [...settled, ...groups].filter(({ seqs }) => seqs.length > 0),
    derived: derived.filter(({ seqs }) => seqs.length > 0),
    ...(isNotApplied && { lostAttemptNotApplied: true }),
  };
}

const NOTHING: Interpretation = { groups: [], derived: [] };

/** Records that the answer does not name. */
function sendAgain(
  answer: CreateRecordsAnswer,
  seqs: readonly number[],
  sent: Sent,
  isInDoubt: boolean,
): Interpretation {
  // A 200 that created too few may have created these.
  const marks = isInDoubt || answer.kind === 'created' ? { refs: { halved: true } } : {};
  const derive = (part: readonly number[]) => ({ kind: CREATE, seqs: part, ...marks });
  const isExplained = answer.kind !== 'created' && seqs.length < sent.seqs.length;
  if (isExplained) return { groups: [], derived: [derive(seqs)] };
  // The answer does not name the cause, so the batch is halved until the refused record is alone.
  if (seqs.length > 1) return { groups: [], derived: bisect(seqs).map(derive) };
  return { groups: [{ outcome: 'rejected', seqs, reasons: reasonsOf(answer) }], derived: [] };
}

function reasonsOf(answer: CreateRecordsAnswer): readonly Reason[] {
  if (answer.kind === 'refused') return [{ code: 'refused', message: answer.message }];
  return [{ code: answer.kind === 'created' ? 'not_created' : 'refused' }];
}

/** Of the lost attempt. A batch is atomic, so all of it was applied or nothing (docs/cxone-contract.md#create-records). */
function showsNotApplied(
  kind: CreateRecordsAnswer['kind'],
  { seqs, priorAttempt }: Sent,
  existing: readonly number[],
  isComplete: boolean,
): boolean {
  if (priorAttempt !== 'batch') return false;
  if (isComplete) return existing.length === 0;
  // If all of them exist, they may be ours, or may have existed before.
  const someExist = existing.length > 0 && existing.length < seqs.length;
  return kind === 'duplicates' && someExist;
}

/** Records that CXone names as duplicates, those that it names as wrong, and the others. */
function sortByAnswer({ kind, named }: CreateRecordsAnswer, seqs: readonly number[]) {
  // A 409 is about duplicates: also a warning without a code, and the only record of a request.
  const isDuplicate = ({ code, severity }: NamedRecord) =>
    code === 'DUPLICATE' || (kind === 'duplicates' && severity === 'warning');
  const seqsOf = (entries: readonly NamedRecord[]) => {
    const indexes = new Set(entries.map(({ index }) => index));
    return seqs.filter((_, index) => indexes.has(index));
  };
  if (kind === 'duplicates' && named.length === 0 && seqs.length === 1)
    return { existing: seqs, wrong: [], rest: [] };
  const existing = seqsOf(named.filter(isDuplicate));
  const errors = seqsOf(named.filter(({ severity }) => severity === 'error'));
  const wrong = errors.filter((seq) => !existing.includes(seq));
  return { existing, wrong, rest: seqs.filter((seq) => !existing.includes(seq) && !wrong.includes(seq)) };
}
