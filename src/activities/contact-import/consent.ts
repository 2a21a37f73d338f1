/** Which contacts of a batch may be reached: the gate of the contact import, and the lookups of `--require-consent`. */
import { type ContactImportInput, contactImport as spec } from '../../contract/contact-import.ts';
import { CxoneError } from '../../cxone/errors.ts';
import type { Channel, Eligibility } from '../../domain/consent/eligibility.ts';
import type { Contact } from '../../domain/contact-import/contacts.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import {
  type ConsentCheck,
  type ConsentDeps,
  type ConsentQuestion,
  createConsentCheck,
  ineligibleReason,
} from '../consent/eligibility.ts';
import { findSuppressed } from '../consent/suppression.ts';
import type {
  Answer,
  GateDecision,
  Lookups,
  PendingRecord,
  Withheld,
  WriteAttempt,
} from '../engine/definition.ts';
import { OWN_OR_EXISTING, OWN_WRITE } from '../engine/evidence.ts';
import { GateInterrupted } from '../engine/gate.ts';
import { lookUpEach } from '../engine/lookups.ts';
import { runInput } from '../engine/run-input.ts';
import { CREATE, UPDATE, type UpdateRefs } from './answers.ts';

/** `--require-consent`: looks up the consent of each contact before its batch is sent. Reads only. */
export const CONSENT_CHECK = 'consent_check';
/** An answer counts for this long; a batch that leaves later is checked again. */
const CONSENT_VALID_MS = 10 * 60_000;
/** A contact list consists of telephone numbers: whoever objected to calls or texts is not added, whatever else is required. */
const TELEPHONE_CHANNELS: readonly Channel[] = ['voice', 'sms'];

interface CheckedRefs {
  readonly checkedAt?: string;
}

/** For the plan; null if the run makes no lookups. */
export async function countLookups(ledger: Ledger, run: Run): Promise<Lookups | null> {
  if (!runInput(spec, run).requireConsent) return null;
  const { pending, withGuid } = await ledger.records.countPendingContacts(run.run_no);
  return { requests: withGuid, withoutContactId: pending - withGuid };
}

/** Before every attempt to add or update contacts: our own suppression list, and consent that was looked up recently. */
export async function contactGate(deps: ConsentDeps, attempt: WriteAttempt): Promise<GateDecision> {
  const suppressed = await findObjections(deps.ledger, attempt);
  if (isConsentRecent(attempt)) return { withheld: noteContactsInList(attempt, suppressed) };
  // Never sent before: the lookups become a write of their own, in the order and at the rate of all others.
  if (attempt.priorAttempt === 'none' && attempt.kind === CREATE) {
    const derived = [{ kind: CONSENT_CHECK, seqs: attempt.seqs }];
    return { instead: readOnlyAnswer([], derived, 'Consent has to be looked up again') };
  }
  const ineligible = await lookUpNow(deps, attempt, suppressed);
  return { withheld: noteContactsInList(attempt, new Map([...ineligible, ...suppressed])) };
}

function findObjections(ledger: Ledger, attempt: WriteAttempt): Promise<Map<number, Withheld>> {
  const { requireConsent } = runInput(spec, attempt.run);
  const channels = [...new Set([...TELEPHONE_CHANNELS, ...(requireConsent ? [requireConsent] : [])])];
  return findSuppressed(ledger, attempt, channels);
}

/**
 * An update of a contact that our own lost write has added, or may have added: they are in the list whatever happens to the
 * update, and the outcome says so.
 */
function noteContactsInList(
  { kind, refs }: WriteAttempt,
  withheld: ReadonlyMap<number, Withheld>,
): ReadonlyMap<number, Withheld> {
  if (kind !== UPDATE) return withheld;
  const { ownWrite, maybeOwn } = refs as UpdateRefs;
  if (!ownWrite && !maybeOwn) return withheld;
  const [outcome, evidence] = ownWrite
    ? (['created', OWN_WRITE] as const)
    : (['existing', OWN_OR_EXISTING] as const);
  const entries = [...withheld].map(([seq, { reason }]) => {
    const afterSending = { ...reason, code: 'objected_after_sending' };
    return [seq, { outcome, evidence, reason: afterSending }] as const;
  });
  return new Map(entries);
}

function isConsentRecent({ run, refs }: WriteAttempt): boolean {
  if (!runInput(spec, run).requireConsent) return true;
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  return checkedAt !== undefined && Date.now() - Date.parse(checkedAt) <= CONSENT_VALID_MS;
}

/** Inside the attempt itself, because the write must stay what it was: an earlier attempt at it may have been applied. */
async function lookUpNow(
  deps: ConsentDeps,
  attempt: WriteAttempt,
  suppressed: ReadonlyMap<number, Withheld>,
): Promise<Map<number, Withheld>> {
  const check = createConsentCheck(deps);
  const policy = runInput(spec, attempt.run).policy ?? 'default';
  const questions = toQuestions(attempt);
  const local = await check.checkLocally([...questions.values()], policy);
  const withheld = new Map<number, Withheld>();
  for (const [seq, question] of questions) {
    if (suppressed.has(seq)) continue;
    const answer = local.get(question) ?? (await lookUp(check, question, attempt, policy));
    if (!answer.eligible) withheld.set(seq, toWithheld(answer));
  }
  return withheld;
}

async function lookUp(
  check: ConsentCheck,
  question: ConsentQuestion,
  attempt: WriteAttempt,
  policy: NonNullable<ContactImportInput['policy']>,
): Promise<Eligibility> {
  if (!(await attempt.nextRequest())) throw new GateInterrupted(null);
  attempt.beforeSend();
  try {
    return await check.askCxone(question, policy);
  } catch (error) {
    throw error instanceof CxoneError ? new GateInterrupted(error) : error;
  }
}

function toWithheld(answer: Eligibility): Withheld {
  const outcome = answer.reason === 'suppressed' ? 'suppressed' : 'ineligible';
  return { outcome, reason: ineligibleReason(answer), evidence: answer.ruleVersion };
}

/** Fails closed: only contacts that may be reached on the channel are added to the list. */
export async function checkConsent(deps: ConsentDeps, attempt: WriteAttempt): Promise<Answer> {
  const policy = runInput(spec, attempt.run).policy ?? 'default';
  const check = createConsentCheck(deps);
  const questions = toQuestions(attempt);
  const question = ({ seq }: PendingRecord) => questions.get(seq) as ConsentQuestion;
  const local = await check.checkLocally([...questions.values()], policy);
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
    ...readOnlyAnswer(
      ineligibleGroups(verdicts),
      derived,
      `${eligible.length} of ${verdicts.size} may be reached`,
    ),
    ...(interruptedBy && { interruptedBy }),
  };
}

function toQuestions({ run, records }: WriteAttempt): ReadonlyMap<number, ConsentQuestion> {
  const { requireConsent: channel = 'voice' } = runInput(spec, run);
  return new Map(
    records.map(({ seq, record }) => {
      const { contactId, optInStatus } = record as Contact;
      return [seq, { contactId, channel, optInStatus }];
    }),
  );
}

/** One group for each reason. */
function ineligibleGroups(verdicts: ReadonlyMap<number, Eligibility>): SettledGroup[] {
  const byReason = new Map<string, { withheld: Withheld; seqs: number[] }>();
  for (const [seq, verdict] of verdicts) {
    if (verdict.eligible) continue;
    const group = byReason.get(verdict.reason) ?? { withheld: toWithheld(verdict), seqs: [] };
    group.seqs.push(seq);
    byReason.set(verdict.reason, group);
  }
  return [...byReason.values()].map(({ withheld: { outcome, reason, evidence }, seqs }) => ({
    outcome,
    seqs,
    reasons: [reason],
    ...(evidence !== undefined && { evidence }),
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

/** Parts of a batch need no new lookup. */
export function inheritConsentCheck(part: DerivedWrite, { refs }: WriteAttempt): DerivedWrite {
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  return checkedAt === undefined
    ? part
    : { ...part, refs: { ...(part.refs as object | undefined), checkedAt } };
}
