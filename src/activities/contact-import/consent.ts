/** Which contacts of a batch may be reached: checked before the batch is sent, by the check that all paths share. */
import type { ContactImportInput } from '../../contract/contact-import.ts';
import type { Contact } from '../../domain/contact-import/contacts.ts';
import type { Channel, Eligibility } from '../../domain/consent/eligibility.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Answer, Lookups, PendingRecord, WriteAttempt } from '../engine/definition.ts';
import {
  type ConsentDeps,
  type ConsentQuestion,
  createConsentCheck,
  ineligibleReason,
} from '../consent/eligibility.ts';
import { CREATE } from './answers.ts';
import { lookUpEach } from '../engine/lookups.ts';

/** `--require-consent`: looks up the consent of each contact before its batch is sent. Reads only. */
export const CONSENT_CHECK = 'consent_check';
/** An answer counts for this long; a batch that leaves later is checked again. */
const CONSENT_VALID_MS = 10 * 60_000;
/** A contact list consists of telephone numbers, so an objection to either channel keeps a contact off it. */
const TELEPHONE_CHANNELS: readonly Channel[] = ['voice', 'sms'];

interface CheckedRefs {
  readonly checkedAt?: string;
}

const inputOf = (run: Run): ContactImportInput => run.input as ContactImportInput;

/** For the plan; null if the run makes no lookups. */
export async function countLookups(ledger: Ledger, run: Run): Promise<Lookups | null> {
  if (!inputOf(run).requireConsent) return null;
  const { pending, withGuid } = await ledger.records.countPendingContacts(run.run_no);
  return { requests: withGuid, withoutContactId: pending - withGuid };
}

/**
 * Checks our own suppression list and the age of the consent lookups. Before the first attempt only: a batch that may have
 * been applied is sent again unchanged, because only then CXone's answer shows what became of it. Null: it may be sent.
 */
export async function checkBeforeSending(ledger: Ledger, attempt: WriteAttempt): Promise<Answer | null> {
  if (attempt.priorAttempt !== 'none') return null;
  const { requireConsent } = inputOf(attempt.run);
  const { checkedAt } = (attempt.refs ?? {}) as CheckedRefs;
  if (requireConsent && Date.now() - Date.parse(checkedAt ?? '1970-01-01') > CONSENT_VALID_MS)
    return readOnlyAnswer(
      [],
      [{ kind: CONSENT_CHECK, seqs: attempt.seqs }],
      'Consent has to be looked up again',
    );
  if (await ledger.suppressions.isEmpty()) return null;
  const channels = requireConsent ? [requireConsent] : TELEPHONE_CHANNELS;
  const ids = attempt.records.map(({ record }) => (record as Contact).contactId);
  const suppressed = new Set(
    (await ledger.suppressions.find(ids, channels)).map(({ contactId }) => contactId),
  );
  if (suppressed.size === 0) return null;
  const isSuppressed = ({ record }: PendingRecord) => suppressed.has((record as Contact).contactId);
  const seqsWhere = (wanted: boolean) =>
    attempt.records.filter((record) => isSuppressed(record) === wanted).map(({ seq }) => seq);
  const reasons: Reason[] = [{ code: 'suppressed', message: 'on our own suppression list' }];
  const rest = seqsWhere(false);
  return readOnlyAnswer(
    [{ outcome: 'suppressed', seqs: seqsWhere(true), reasons }],
    rest.length > 0 ? [{ kind: CREATE, seqs: rest, refs: attempt.refs }] : [],
    `Suppressed ${suppressed.size}`,
  );
}

/** Fails closed: only contacts that may be reached on the channel are added to the list. */
export async function checkConsent(deps: ConsentDeps, attempt: WriteAttempt): Promise<Answer> {
  const { requireConsent: channel = 'voice', policy = 'default' } = inputOf(attempt.run);
  const check = createConsentCheck(deps);
  const questions = new Map(attempt.records.map((record) => [record.seq, questionOf(record, channel)]));
  const local = await check.checkLocally([...questions.values()], policy);
  const question = ({ seq, record }: PendingRecord) =>
    questions.get(seq) ?? questionOf({ seq, record }, channel);
  const { verdicts, rest, refs, interruptedBy } = await lookUpEach<Eligibility>(attempt, {
    known: (record) => local.get(question(record)),
    ask: (record) => check.askCxone(question(record), policy),
    giveUp: (record) => check.unavailable(question(record), policy),
  });
  const eligible = [...verdicts].filter(([, verdict]) => verdict.eligible).map(([seq]) => seq);
  const checkedAt = new Date().toISOString();
  const derived = [
    ...(eligible.length > 0 ? [{ kind: CREATE, seqs: eligible, refs: { checkedAt } }] : []),
    ...(rest.length > 0 ? [{ kind: CONSENT_CHECK, seqs: rest, refs }] : []),
  ];
  return {
    ...readOnlyAnswer(ineligible(verdicts), derived, `${eligible.length} of ${verdicts.size} may be reached`),
    ...(interruptedBy && { interruptedBy }),
  };
}

function questionOf({ record }: PendingRecord, channel: Channel): ConsentQuestion {
  const { contactId, optInStatus } = record as Contact;
  return { contactId, channel, optInStatus };
}

/** One group for each reason. */
function ineligible(verdicts: ReadonlyMap<number, Eligibility>): SettledGroup[] {
  const byReason = new Map<string, { verdict: Eligibility; seqs: number[] }>();
  for (const [seq, verdict] of verdicts) {
    if (verdict.eligible) continue;
    const group = byReason.get(verdict.reason) ?? { verdict, seqs: [] };
    group.seqs.push(seq);
    byReason.set(verdict.reason, group);
  }
  return [...byReason.values()].map(({ verdict, seqs }) => ({
    outcome: verdict.reason === 'suppressed' ? 'suppressed' : 'ineligible',
    seqs,
    reasons: [ineligibleReason(verdict)],
    evidence: verdict.ruleVersion,
  }));
}

/** Nothing was written to CXone. */
function readOnlyAnswer(
  groups: readonly SettledGroup[],
  derived: Answer['derived'],
  details: string,
): Answer {
  const emitsEvent = groups.length > 0;
  return { groups, derived, httpStatus: 200, requestId: null, details, readOnly: true, emitsEvent };
}

/** The rest of a batch needs no new lookup. */
export function inheritConsentCheck(part: DerivedWrite, { refs }: WriteAttempt): DerivedWrite {
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  if (part.kind !== CREATE || checkedAt === undefined) return part;
  return { ...part, refs: { ...(part.refs as object | undefined), checkedAt } };
}
