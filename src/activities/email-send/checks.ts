/**
 * The lookups before a batch is sent: CXone's suppressions, one request for each recipient, and the preferences of those who have
 * a contact id. They fail closed: nobody is sent a message about whom CXone could not be asked.
 */
import { emailSend as spec } from '../../contract/email-send.ts';
import type { EmailSuppression } from '../../cxone/email.ts';
import type { Eligibility } from '../../domain/consent/eligibility.ts';
import type { Reason } from '../../domain/run.ts';
import { shorten } from '../../domain/shorten.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import type { EmailConsent, NewEmailConsent } from '../../ledger/emails/consents.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type ConsentQuestion, createConsentCheck, ineligibleReason } from '../consent/eligibility.ts';
import type { Lookups } from '../engine/definition.ts';
import { GateInterrupted } from '../engine/gate.ts';
import { isRefusedLookup, type LookedUp, lookUpEach } from '../engine/lookups.ts';
import { runInput } from '../engine/run-input.ts';
import type { Answer, Withheld, WriteAttempt } from '../engine/write-definition.ts';
import { leaveForTomorrow } from './daily-limit.ts';
import { announce } from './events.ts';
import { isAboutOneJob, readJobEvents } from './job-events.ts';
import { findObjections, recipientOf } from './recipients.ts';
import { CONSENT_CHECK, nextRefs, refsOf, SEND, SUPPRESSION_CHECK, withholdFrom } from './refs.ts';
import type { EmailSendDeps } from './settings.ts';
import { groupByReason, readOnlyWithoutEvent } from './unsent.ts';

/** null: nothing keeps the recipient from being sent the message. */
type Verdict = Withheld | null;

/** For the plan. */
export async function countLookups({ ledger }: EmailSendDeps, run: Run): Promise<Lookups> {
  const { pending, withGuid } = await ledger.records.countPendingContacts(run.run_no);
  if (!requiresConsent(run)) return { requests: pending, withoutContactId: 0 };
  return { requests: pending + withGuid, withoutContactId: pending - withGuid };
}

/** Tomorrow's recipients are not looked up today. */
export async function checkSuppressions(deps: EmailSendDeps, attempt: WriteAttempt): Promise<Answer> {
  const later = await leaveForTomorrow(deps, attempt, SUPPRESSION_CHECK);
  if (later) return later;
  const looked = await lookUpSuppressions(deps, attempt);
  const next = requiresConsent(attempt.run) ? CONSENT_CHECK : SEND;
  return toAnswer(attempt, looked, { kind: SUPPRESSION_CHECK, next, checkedAt: await checkedNow(deps) });
}

export async function checkConsent(deps: EmailSendDeps, attempt: WriteAttempt): Promise<Answer> {
  if (!isRecent(deps, attempt)) return lookUpAgain(attempt);
  const { consents, ...looked } = await lookUpConsent(deps, attempt);
  const step = { kind: CONSENT_CHECK, next: SEND, checkedAt: await checkedNow(deps) };
  return {
    ...toAnswer(attempt, looked, step),
    inSettleTransaction: (tx) => deps.ledger.emails.recordConsents(attempt.run.run_no, consents, tx),
  };
}

/** Whether what CXone has said about the recipients counts: for how long it does after a lookup is a setting. */
export function isRecent({ email }: EmailSendDeps, attempt: WriteAttempt): boolean {
  const { checkedAt } = refsOf(attempt);
  return checkedAt !== undefined && Date.now() - Date.parse(checkedAt) <= email.lookupsMaxAgeMs;
}

/** For a write that has not left: the lookups become a write of their own, in the order and at the rate of all others. */
export function lookUpAgain(attempt: WriteAttempt): Answer {
  return readOnlyWithoutEvent({
    derived: [{ kind: SUPPRESSION_CHECK, seqs: attempt.seqs, refs: nextRefs(attempt, undefined) }],
    details: 'the recipients have to be looked up again',
  });
}

/**
 * Lookups count from their end: where they take longer than they count, a batch would be looked up for ever. It cannot have been
 * sent before that either.
 */
async function checkedNow({ ledger }: EmailSendDeps): Promise<string> {
  return (await ledger.now()).toISOString();
}

export async function lookUpSuppressions(
  deps: EmailSendDeps,
  attempt: WriteAttempt,
): Promise<LookedUp<Verdict>> {
  const { ledger, cxone } = deps;
  const unread = await readEarlierJobs(deps, attempt);
  const objections = await findObjections(ledger, attempt);
  return lookUpEach<Verdict>(attempt, {
    known: ({ seq }) => objections.get(seq) ?? (unread.has(seq) ? UNREAD : undefined),
    ask: async (record) => {
      try {
        const found = await cxone.email.getSuppression({ address: recipientOf(record).toAddress });
        return found && toSuppressed(found);
      } catch (error) {
        if (isRefusedLookup(error)) return UNKNOWN;
        throw error;
      }
    },
    giveUp: () => UNKNOWN,
  });
}

/**
 * A message that bounced temporarily may have been delivered after all, and its job need not have been followed since. If that
 * cannot be read, nobody is sent another one. Returns the recipients of jobs whose events CXone refuses to show.
 */
async function readEarlierJobs(deps: EmailSendDeps, attempt: WriteAttempt): Promise<ReadonlySet<number>> {
  const unread = new Set<number>();
  if (refsOf(attempt).attempt === undefined) return unread;
  const { ledger } = deps;
  const { run, seqs } = attempt;
  for (const job of await ledger.emails.jobsOf(run.run_no, seqs)) {
    try {
      await readJobEvents(deps, {
        run,
        // The tracking takes the run over all the time, and whoever stores these events stores the same.
        ref: run.run_no,
        job,
        async ask(request) {
          if (!(await attempt.nextRequest())) throw new GateInterrupted(null);
          attempt.checkLease();
          return request();
        },
      });
      await announce(deps, run, job, { ref: run.run_no });
    } catch (error) {
      if (!isAboutOneJob(error)) throw error;
      for (const seq of await ledger.emails.findInJob(run.run_no, job.jobId, seqs)) unread.add(seq);
    }
  }
  return unread;
}

interface LookedUpConsents extends LookedUp<Verdict> {
  /** Of those who may be sent the message. */
  readonly consents: readonly NewEmailConsent[];
}

export async function lookUpConsent(deps: EmailSendDeps, attempt: WriteAttempt): Promise<LookedUpConsents> {
  const { policy = 'default' } = runInput(spec, attempt.run);
  const check = createConsentCheck(deps);
  const questions = new Map(
    attempt.records.map((record): [number, ConsentQuestion] => {
      return [record.seq, { contactId: recipientOf(record).contactId ?? '', channel: 'email' }];
    }),
  );
  const local = await check.checkLocally([...questions.values()], policy);
  const question = ({ seq }: { readonly seq: number }) => questions.get(seq) as ConsentQuestion;
  const consents: NewEmailConsent[] = [];
  const looked = await lookUpEach<Verdict>(attempt, {
    known: (record) => {
      const answer = local.get(question(record));
      return answer && toVerdict(answer);
    },
    ask: async (record) => {
      const { answer, source } = await check.lookUp(question(record), policy);
      if (answer.eligible)
        consents.push({
          ...toConsent(answer, source),
          seq: record.seq,
          attempt: refsOf(attempt).attempt ?? 1,
        });
      return toVerdict(answer);
    },
    giveUp: (record) => toVerdict(check.unavailable(question(record), policy)),
  });
  return { ...looked, consents };
}

/** Timestamps that cannot be read permit nothing. */
function toConsent({ checkedAt, ruleVersion, facts }: Eligibility, source: string | null): EmailConsent {
  const { consentTimestamp = null, regulatoryRegion = 'NONE' } = facts.preference ?? {};
  const consentedAt = toUtcTimestamp(consentTimestamp?.trim() ?? '');
  return {
    checkedAt: new Date(checkedAt),
    consentedAt: consentedAt === null ? null : new Date(consentedAt),
    ...{ source, region: regulatoryRegion, rules: ruleVersion },
  };
}

export const requiresConsent = (run: Run): boolean => runInput(spec, run).channelConsent !== 'ignore';

/** It was never asked whether it may be sent: neither suppressed nor permitted. */
const UNKNOWN: Withheld = {
  outcome: 'ineligible',
  reasons: [
    { code: 'suppression_unknown', message: 'CXone could not be asked whether the address is suppressed' },
  ],
};

/** The message before bounced temporarily, and may have been delivered since. */
const UNREAD: Withheld = { outcome: 'rejected', reasons: [{ code: 'events_unreadable' }] };

/** The words of CXone are evidence; what may name a person is left out. */
function toSuppressed({ reason, addedDate }: EmailSuppression): Withheld {
  const words = [reason, addedDate].filter((text) => text !== null && /^[\w .:+-]+$/.test(text));
  const code: Reason = { code: 'suppressed_by_cxone', message: "on CXone's suppression list" };
  return {
    outcome: 'suppressed',
    reasons: [code],
    ...(words.length > 0 && { evidence: shorten(words.join(', '), MAX_EVIDENCE_LENGTH) }),
  };
}

const MAX_EVIDENCE_LENGTH = 120;

function toVerdict(answer: Eligibility): Verdict {
  if (answer.eligible) return null;
  const outcome = answer.reason === 'suppressed' ? 'suppressed' : 'ineligible';
  return { outcome, reasons: [ineligibleReason(answer)], evidence: answer.ruleVersion };
}

interface Step {
  readonly kind: string;
  readonly next: string;
  readonly checkedAt: string | undefined;
}

function toAnswer(attempt: WriteAttempt, looked: LookedUp<Verdict>, { kind, next, checkedAt }: Step): Answer {
  const { verdicts, rest, refs, interruptedBy } = looked;
  const withheld = [...verdicts].flatMap(([seq, verdict]) => (verdict ? [[seq, verdict] as const] : []));
  const free = attempt.seqs.filter((seq) => verdicts.get(seq) === null);
  return {
    ...readOnlyWithoutEvent({
      groups: groupByReason(withheld.map(([seq, verdict]) => [seq, withholdFrom(attempt, verdict)])),
      derived: [
        ...(free.length > 0 ? [{ kind: next, seqs: free, refs: nextRefs(attempt, checkedAt) }] : []),
        ...(rest.length > 0
          ? [{ kind, seqs: rest, refs: { ...nextRefs(attempt, refsOf(attempt).checkedAt), ...refs } }]
          : []),
      ],
      details: `${free.length} of ${verdicts.size} may be sent to`,
    }),
    ...(interruptedBy && { interruptedBy }),
  };
}
