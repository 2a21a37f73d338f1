/**
 * Sends one batch: one POST, of which CXone makes one job. Not idempotent: a batch whose answer was lost is sent again by nobody
 * but a person, unless the tenant drops repeats under the same key (docs/adr/0027-outbound-email.md).
 */
import { envelopeOf, messageOf, emailSend as spec } from '../../contract/email-send.ts';
import type { SendMessageAnswer } from '../../cxone/email.ts';
import { plural } from '../../domain/numbers.ts';
import { type Reason, toReason } from '../../domain/run.ts';
import { hashBatch, hashContent, newSalt } from '../../ledger/emails/content-hashes.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import { bisect } from '../engine/bisect.ts';
import { GateInterrupted, MustNotRepeat } from '../engine/gate.ts';
import { runInput } from '../engine/run-input.ts';
import { toUuid } from '../engine/uuid.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import { firstPollAt } from './job.ts';
import { recipientOf } from './recipients.ts';
import { nextRefs, refsOf, SEND, withholdFrom } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';
import { groupByReason } from './unsent.ts';

export async function sendBatch(deps: EmailSendDeps, attempt: WriteAttempt): Promise<Answer> {
  // The gate's lookups may have used the permit of the claim.
  if (!(await attempt.nextRequest())) throw new GateInterrupted(null);
  const envelope = envelopeOf(messageOf(runInput(spec, attempt.run)));
  const json = toRecipientsJson(attempt);
  // Before the request, since an error after it would lose the answer.
  const hashes = await hashContents(deps, attempt, envelope);
  const answer = await deps.cxone.email.sendMessage({
    envelope,
    recipients: { count: attempt.seqs.length, json },
    idempotencyKey: toKey(attempt, json),
    beforeSend: attempt.beforeSend,
  });
  // It says nothing about the first request, which may have been accepted or be under way. Its parts would have other keys.
  if (answer.kind === 'refused' && attempt.lostAnswers > 0)
    throw new MustNotRepeat(`CXone refused the repeat: HTTP ${answer.status}`);
  const answered =
    answer.kind === 'accepted' ? accepted(deps, attempt, answer, hashes) : refused(deps, attempt, answer);
  return {
    ...answered,
    httpStatus: answer.status,
    requestId: answer.requestId,
    messages: answer.notes,
    // Its event follows when the job is analysed.
    emitsEvent: false,
  };
}

/** In the order of the write, so that a repeat has the same bytes. */
function toRecipientsJson({ records }: WriteAttempt): string {
  return JSON.stringify(
    records.map((record) => {
      const { toAddress, mergeFields, tags } = recipientOf(record);
      return { toAddress, mergeFields, tags };
    }),
  );
}

/** The same for every attempt at the same write with the same recipients. */
function toKey({ run, writeId }: WriteAttempt, json: string): string {
  return toUuid(`${run.run_id}\n${writeId}\n${json}`);
}

type Hashes = ReadonlyMap<number, { readonly salt: string; readonly contentHash: string }>;

/** By seq. */
async function hashContents(
  { ledger }: EmailSendDeps,
  attempt: WriteAttempt,
  envelope: object,
): Promise<Hashes> {
  const { run, writeId, seqs, records } = attempt;
  const consents = await ledger.emails.findConsents(run.run_no, seqs, refsOf(attempt).attempt ?? 1);
  return new Map(
    records.map((record) => {
      const { seq } = record;
      const [salt, consent] = [newSalt(), consents.get(seq) ?? null];
      const content = { runId: run.run_id, writeId, seq, envelope, recipient: recipientOf(record), consent };
      return [seq, { salt, contentHash: hashContent(salt, content) }];
    }),
  );
}

type Settled = Pick<Answer, 'groups' | 'derived' | 'details'> & Partial<Answer>;

function accepted(
  { ledger }: EmailSendDeps,
  attempt: WriteAttempt,
  answer: Extract<SendMessageAnswer, { kind: 'accepted' }>,
  hashes: Hashes,
): Settled {
  const rejected = rejectNamed(attempt, answer);
  const left = new Set(rejected.flatMap(({ seqs }) => seqs));
  const sent = attempt.seqs.filter((seq) => !left.has(seq));
  const ids = new Map((answer.recipients ?? []).map(({ index, ...each }) => [attempt.seqs[index], each]));
  const messages = sent.map((seq) => ({
    seq,
    messageId: ids.get(seq)?.messageId ?? null,
    recipientId: ids.get(seq)?.recipientId ?? null,
    ...hashes.get(seq),
  }));
  const inOrder = sent.toSorted((a, b) => a - b);
  const { run, writeId } = attempt;
  return {
    groups: [...(sent.length > 0 ? [{ outcome: 'sent' as const, seqs: sent }] : []), ...rejected],
    derived: [],
    details: `job ${answer.jobId}: ${sent.length} of ${plural(attempt.seqs.length, 'recipient')}`,
    audit: { contentHash: hashBatch(inOrder.map((seq) => hashes.get(seq)?.contentHash ?? null)) },
    cxoneId: answer.jobId,
    inSettleTransaction: async (tx) => {
      const job = { runNo: run.run_no, jobId: answer.jobId, writeId, messages };
      await ledger.emails.recordJob(
        { ...job, submittedAt: new Date(), nextPollAt: firstPollAt(Date.now()) },
        tx,
      );
      await ledger.emailQuota.settle(writeId, sent.length, tx);
    },
  };
}

/** Nothing was sent. Those at fault are rejected, and the others are sent again without them; nobody named: in halves. */
function refused(
  { ledger }: EmailSendDeps,
  attempt: WriteAttempt,
  answer: Extract<SendMessageAnswer, { kind: 'refused' }>,
): Settled {
  const named = rejectNamed(attempt, answer);
  const { writeId, seqs } = attempt;
  const refs = nextRefs(attempt, refsOf(attempt).checkedAt);
  const inSettleTransaction: Answer['inSettleTransaction'] = (tx) => ledger.emailQuota.settle(writeId, 0, tx);
  const details = `HTTP ${answer.status}: refused, ${answer.named.length} named`;
  if (named.length > 0) {
    const atFault = new Set(named.flatMap((group) => group.seqs));
    const rest = seqs.filter((seq) => !atFault.has(seq));
    const derived = rest.length > 0 ? [{ kind: SEND, seqs: rest, refs }] : [];
    return { groups: named, derived, details, inSettleTransaction };
  }
  if (seqs.length > 1) {
    const derived = bisect(seqs).map((half) => ({ kind: SEND, seqs: half, refs }));
    return { groups: [], derived, details, refusesAll: true, inSettleTransaction };
  }
  const reasons: readonly Reason[] = [{ code: 'refused', message: `HTTP ${answer.status}` }];
  const groups = groupByReason(
    seqs.map((seq) => [seq, withholdFrom(attempt, { outcome: 'rejected', reasons })]),
  );
  return { groups, derived: [], details, refusesAll: true, inSettleTransaction };
}

/** CXone may blame a recipient more than once. */
function rejectNamed(attempt: WriteAttempt, { named }: SendMessageAnswer): SettledGroup[] {
  const reasons = new Map<number, Reason[]>();
  for (const { index, severity, ...fault } of named) {
    if (severity !== 'error') continue;
    reasons.set(index, [...(reasons.get(index) ?? []), toReason(fault)]);
  }
  return groupByReason(
    [...reasons].map(([index, faults]) => {
      const rejected = withholdFrom(attempt, { outcome: 'rejected', reasons: faults });
      return [attempt.seqs[index] as number, rejected];
    }),
  );
}
