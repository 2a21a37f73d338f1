/**
 * The consent gate. A write that lets people be contacted obtains its records through it before every attempt: the first
 * one, a repetition, a half, one that a person resends, and one that was claimed long before it is sent. It fails closed:
 * an error in the gate means that nothing is sent.
 */
import type { CxoneError } from '../../cxone/errors.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import { partRefs } from './prior-attempt.ts';
import { readOnlyAnswer } from './read-only-answer.ts';
import type {
  Answer,
  ConsentGate,
  GateDecision,
  Withheld,
  WriteAttempt,
  WriteDefinition,
} from './write-definition.ts';

/** The write did not get past the gate; nothing was sent. `cause` is null if the page is to stop. */
export class GateInterrupted extends Error {
  override readonly name = 'GateInterrupted';
  override readonly cause: CxoneError | null;
  constructor(cause: CxoneError | null) {
    super(cause?.message ?? 'the page stops before the write is sent', { cause });
    this.cause = cause;
  }
}

/** The write may have been sent, and must not be sent again as it is: a person has to decide. `message`: why. */
export class MustNotRepeat extends Error {
  override readonly name = 'MustNotRepeat';
}

/** The only caller of `send`. */
export async function sendThroughGate(definition: WriteDefinition, attempt: WriteAttempt): Promise<Answer> {
  const { gate } = definition;
  if (gate === null) return definition.send(attempt);
  const decision = await gate(attempt);
  if ('instead' in decision) return decision.instead;
  const { withheld } = decision;
  const notBefore = waitedFor(decision);
  if (notBefore.size > 0) return leaveForLater(attempt, withheld, notBefore);
  if (withheld.size === 0) return definition.send(askBeforeEachRequest(gate, attempt));
  const permitted = onlyRecords(attempt, (seq) => !withheld.has(seq));
  if (attempt.priorAttempt === 'none') return withholdAndDerive(attempt, withheld, permitted.seqs);
  if (permitted.seqs.length === 0) return settleUnsent(settleWithheld(withheld, false));
  const answer = await definition.send(askBeforeEachRequest(gate, permitted));
  const settled = settleWithheld(withheld, answer.lostAttemptNotApplied === true);
  return { ...answer, groups: [...answer.groups, ...settled] };
}

/** Who is withheld is not waited for. If nobody else has to wait, there is no part to divide from the write. */
function waitedFor({
  withheld,
  notBefore,
}: Extract<GateDecision, { withheld: unknown }>): ReadonlyMap<number, string> {
  return new Map([...(notBefore ?? [])].filter(([seq]) => !withheld.has(seq)));
}

/**
 * Before a later request of a write leaves, earlier ones were answered and a permit was waited for. Somebody in the write may
 * have objected meanwhile; then the write stops there.
 */
function askBeforeEachRequest(gate: ConsentGate, attempt: WriteAttempt): WriteAttempt {
  const nextRequest = async (): Promise<boolean> => {
    const isFirst = !attempt.hasSent();
    if (!(await attempt.nextRequest())) return false;
    if (isFirst) return true;
    const decision = await gate(attempt);
    return 'withheld' in decision && decision.withheld.size === 0 && !decision.notBefore?.size;
  };
  // A spread would read `records`, and so parse them, for every write.
  const properties = {
    ...Object.getOwnPropertyDescriptors(attempt),
    nextRequest: { value: nextRequest, enumerable: true },
  };
  return Object.defineProperties({}, properties) as WriteAttempt;
}

/** Never sent before, so the withheld records have their outcome now, and the rest becomes a write of its own. */
function withholdAndDerive(
  { kind, refs }: WriteAttempt,
  withheld: ReadonlyMap<number, Withheld>,
  rest: readonly number[],
): Answer {
  const groups = [...withheld].map(([seq, record]) => toGroup(seq, record));
  return settleUnsent(groups, rest.length > 0 ? [{ kind, seqs: rest, refs }] : []);
}

/**
 * Those who may not be contacted yet become a write of their own, and everybody else another one. After a lost answer, who is
 * withheld is among the latter: only an answer can show what became of them.
 */
function leaveForLater(
  attempt: WriteAttempt,
  withheld: ReadonlyMap<number, Withheld>,
  notBefore: ReadonlyMap<number, string>,
): Answer {
  const { kind, priorAttempt } = attempt;
  const settled = priorAttempt === 'none' ? withheld : new Map<number, Withheld>();
  const open = attempt.seqs.filter((seq) => !settled.has(seq));
  const later = open.filter((seq) => notBefore.has(seq));
  const rest = open.filter((seq) => !notBefore.has(seq));
  const [first] = later.flatMap((seq) => notBefore.get(seq) ?? []).sort();
  const part = { kind, refs: partRefs(attempt) };
  const answer = settleUnsent(
    [...settled].map(([seq, record]) => toGroup(seq, record)),
    [
      ...(rest.length > 0 ? [{ ...part, seqs: rest }] : []),
      ...(first === undefined ? [] : [{ ...part, seqs: later, notBefore: first }]),
    ],
  );
  const details = `${answer.details}, left ${later.length} for later`;
  return { ...answer, details };
}

/** An earlier attempt included them, and its answer was lost. */
function settleWithheld(withheld: ReadonlyMap<number, Withheld>, isNotApplied: boolean): SettledGroup[] {
  return [...withheld].map(([seq, record]): SettledGroup => {
    if (isNotApplied || isCertain(record)) return toGroup(seq, record);
    const objections = record.reasons.map((reason) => ({ ...reason, code: 'objected_after_sending' }));
    const lost = { code: 'answer_lost', message: 'CXone may have applied it before the objection' };
    return { outcome: 'in_doubt', seqs: [seq], reasons: [lost, ...objections] };
  });
}

/** Whatever became of the lost attempt, or because it cannot have included the record. */
function isCertain({ outcome, isNeverSent }: Withheld): boolean {
  return outcome === 'existing' || isNeverSent === true;
}

function toGroup(seq: number, { outcome, reasons, evidence }: Withheld): SettledGroup {
  return { outcome, seqs: [seq], reasons, ...(evidence !== undefined && { evidence }) };
}

/** What is withheld has its outcome; the rest is left to the derived writes. */
function settleUnsent(groups: readonly SettledGroup[], derived: Answer['derived'] = []): Answer {
  return readOnlyAnswer({ groups, derived, details: `Withheld ${groups.length}` });
}

/** The same attempt with some of its records; its payload is made anew. */
function onlyRecords(attempt: WriteAttempt, isIncluded: (seq: number) => boolean): WriteAttempt {
  const records = attempt.records.filter(({ seq }) => isIncluded(seq));
  const seqs = records.map(({ seq }) => seq);
  const payload = JSON.stringify(records.map(({ record }) => record));
  return { ...attempt, records, seqs, payload };
}
