/** Which contacts of a batch may be reached: the gate of the contact import, and the lookups of `--require-consent`. */
import { LRUCache } from 'lru-cache';
import { contactImport as spec } from '../../contract/contact-import.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import { CxoneError, CxoneUnreadable } from '../../cxone/errors.ts';
import type { Eligibility } from '../../domain/consent/eligibility.ts';
import type { Contact } from '../../domain/contact-import/contacts.ts';
import { peopleIn } from '../../domain/identifiers.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import {
  type ConsentDeps,
  type ConsentQuestion,
  createConsentCheck,
  ineligibleReason,
} from '../consent/eligibility.ts';
import { findSuppressed, listPeople, TELEPHONE_CHANNELS } from '../consent/suppression.ts';
import { openOrigin } from '../engine/created-records.ts';
import type { Lookups } from '../engine/definition.ts';
import { nameFailure } from '../engine/failing.ts';
import { GateInterrupted } from '../engine/gate.ts';
import { type LookupRefs, lookUpEach, MAX_TRIES } from '../engine/lookups.ts';
import { readOnlyAnswer } from '../engine/read-only-answer.ts';
import { runInput } from '../engine/run-input.ts';
import type { Answer, GateDecision, Withheld, WriteAttempt } from '../engine/write-definition.ts';
import { CREATE, UPDATE, type UpdateRefs } from './answers.ts';

/** `--require-consent`: looks up the consent of each contact before its batch is sent. Reads only. */
export const CONSENT_CHECK = 'consent_check';
/** An answer counts for this long; a batch that leaves later is checked again. */
const CONSENT_VALID_MS = 10 * 60_000;

/** More than all batches in flight can need. */
const ANSWERS_KEPT = 10_000;

interface CheckedRefs {
  readonly checkedAt?: string;
}

/** Stored with a derived `consent_check`. Absent `update`: its eligible contacts are created. */
interface CheckRefs extends LookupRefs {
  readonly update?: UpdateRefs;
}

/** The answers of interrupted gates, so that the next attempt continues where the last one ended. */
type RecentAnswers = LRUCache<string, Eligibility>;

export interface GateDeps extends ConsentDeps {
  readonly recentAnswers: RecentAnswers;
}

export function createRecentAnswers(): RecentAnswers {
  return new LRUCache({ max: ANSWERS_KEPT, ttl: CONSENT_VALID_MS });
}

/** For the plan; null if the run makes no lookups. */
export async function countLookups(ledger: Ledger, run: Run): Promise<Lookups | null> {
  if (!runInput(spec, run).requireConsent) return null;
  const { pending, withGuid } = await ledger.records.countPendingContacts(run.run_no);
  return { requests: withGuid, withoutContactId: pending - withGuid };
}

/** Before every attempt to add or update contacts: our own suppression list, and consent that was looked up recently. */
export async function contactGate(deps: GateDeps, attempt: WriteAttempt): Promise<GateDecision> {
  const { kind, priorAttempt, seqs } = attempt;
  const update = kind === UPDATE ? (attempt.refs as UpdateRefs) : undefined;
  const isRecent = isConsentRecent(attempt);
  // Never sent before: the lookups become a write of their own, in the order and at the rate of all others.
  if (!isRecent && priorAttempt === 'none') {
    const derived = [{ kind: CONSENT_CHECK, seqs, refs: update && { update } }];
    return { instead: readOnlyAnswer({ derived, details: 'Consent has to be looked up again' }) };
  }
  const ineligible = isRecent ? [] : await lookUpNow(deps, attempt);
  // Last, because lookups may take minutes.
  const suppressed = await findObjections(deps.ledger, attempt);
  return { withheld: noteContactsInList(update, new Map([...ineligible, ...suppressed])) };
}

function findObjections(ledger: Ledger, attempt: WriteAttempt): Promise<Map<number, Withheld>> {
  const { requireConsent } = runInput(spec, attempt.run);
  const channels = [...new Set([...TELEPHONE_CHANNELS, ...(requireConsent ? [requireConsent] : [])])];
  // The records are parsed on first access, which the common case of an empty list does not need.
  return findSuppressed(ledger, () => attempt.records.flatMap(toPeople), channels);
}

/** A number or an address counts wherever it stands, as in a list load. */
function toPeople({ seq, record }: PendingRecord) {
  const { contactId, phoneNumbers, customFields } = record as Contact;
  const values = [...phoneNumbers.map(({ number }) => number), ...Object.values(customFields)];
  return listPeople(seq, contactId, [...new Set(values.flatMap(peopleIn))]);
}

/**
 * A withheld update may be of a contact that a write of ours has added whose answer was lost. The contact is in the list
 * whatever happens to the update, and the outcome says so.
 */
function noteContactsInList(
  update: UpdateRefs | undefined,
  withheld: ReadonlyMap<number, Withheld>,
): ReadonlyMap<number, Withheld> {
  if (!update?.maybeOwn) return withheld;
  const entries = [...withheld].map(([seq, { reasons }]) => {
    const objections = reasons.map((reason) => ({ ...reason, code: 'objected_after_sending' }));
    return [seq, { outcome: 'existing', ...openOrigin(objections) }] as const;
  });
  return new Map(entries);
}

function isConsentRecent({ run, refs }: WriteAttempt): boolean {
  if (!runInput(spec, run).requireConsent) return true;
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  return checkedAt !== undefined && Date.now() - Date.parse(checkedAt) <= CONSENT_VALID_MS;
}

const policyOf = ({ run }: WriteAttempt) => runInput(spec, run).policy ?? 'default';

/** Inside the attempt itself, because the write must stay what it was: an earlier attempt at it may have been applied. */
async function lookUpNow(deps: GateDeps, attempt: WriteAttempt): Promise<Map<number, Withheld>> {
  const check = createConsentCheck(deps);
  const policy = policyOf(attempt);
  const questions = toQuestions(attempt);
  const local = await check.checkLocally([...questions.values()], policy);
  const withheld = new Map<number, Withheld>();
  for (const [seq, question] of questions) {
    const answer = local.get(question) ?? (await recallOrLookUp(deps, question, attempt));
    if (!answer.eligible) withheld.set(seq, toWithheld(answer));
  }
  return withheld;
}

async function recallOrLookUp(
  deps: GateDeps,
  question: ConsentQuestion,
  attempt: WriteAttempt,
): Promise<Eligibility> {
  const key = JSON.stringify([runInput(spec, attempt.run).policy, question]);
  const recent = deps.recentAnswers.get(key);
  if (recent) return recent;
  const answer = await lookUp(deps, question, attempt);
  deps.recentAnswers.set(key, answer);
  return answer;
}

/** Throws GateInterrupted if CXone does not answer, or if the page is to stop. */
async function lookUp(
  deps: GateDeps,
  question: ConsentQuestion,
  attempt: WriteAttempt,
): Promise<Eligibility> {
  const check = createConsentCheck(deps);
  const policy = policyOf(attempt);
  for (let tries = 1; ; tries += 1) {
    if (!(await attempt.nextRequest())) throw new GateInterrupted(null);
    attempt.checkLease();
    try {
      return await check.askCxone(question, policy);
    } catch (error) {
      if (!(error instanceof CxoneError)) throw error;
      const outage = await findOutage(error, attempt, deps.cxone);
      if (outage) throw new GateInterrupted(outage);
      if (tries === MAX_TRIES) return check.unavailable(question, policy);
    }
  }
}

/** Does the lookup fail because CXone answers nobody? Then the error that shows it, otherwise null. */
async function findOutage(
  error: CxoneError,
  attempt: WriteAttempt,
  { preferences }: Cxone,
): Promise<CxoneError | null> {
  // An unreadable answer is about its contact alone.
  if (error instanceof CxoneUnreadable) return null;
  if (nameFailure(error) === null || !(await attempt.nextRequest())) return error;
  attempt.checkLease();
  try {
    await preferences.probe();
    return null;
  } catch (outage) {
    if (outage instanceof CxoneError) return outage;
    throw outage;
  }
}

function toWithheld(answer: Eligibility): Withheld {
  const outcome = answer.reason === 'suppressed' ? 'suppressed' : 'ineligible';
  return { outcome, reasons: [ineligibleReason(answer)], evidence: answer.ruleVersion };
}

/** Fails closed: only contacts that may be reached on the channel are added to the list or updated in it. */
export async function checkConsent(deps: ConsentDeps, attempt: WriteAttempt): Promise<Answer> {
  const { update } = (attempt.refs ?? {}) as CheckRefs;
  const policy = policyOf(attempt);
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
  const next = { kind: update ? UPDATE : CREATE, refs: { ...update, checkedAt: new Date().toISOString() } };
  const derived = [
    ...(eligible.length > 0 ? [{ ...next, seqs: eligible }] : []),
    ...(rest.length > 0
      ? [{ kind: CONSENT_CHECK, seqs: rest, refs: { ...refs, ...(update && { update }) } }]
      : []),
  ];
  return {
    ...readOnlyAnswer({
      groups: ineligibleGroups(verdicts, update),
      derived,
      details: `${eligible.length} of ${verdicts.size} may be reached`,
    }),
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
function ineligibleGroups(
  verdicts: ReadonlyMap<number, Eligibility>,
  update: UpdateRefs | undefined,
): SettledGroup[] {
  const ineligible = [...verdicts].filter(([, { eligible }]) => !eligible);
  const withheld = noteContactsInList(
    update,
    new Map(ineligible.map(([seq, verdict]) => [seq, toWithheld(verdict)])),
  );
  const byReason = new Map<Eligibility['reason'] | undefined, SettledGroup & { readonly seqs: number[] }>();
  for (const [seq, { outcome, reasons, evidence }] of withheld) {
    const code = verdicts.get(seq)?.reason;
    const group = byReason.get(code) ?? {
      outcome,
      seqs: [],
      reasons,
      ...(evidence !== undefined && { evidence }),
    };
    group.seqs.push(seq);
    byReason.set(code, group);
  }
  return [...byReason.values()];
}

/** Parts of a batch need no new lookup. */
export function inheritConsentCheck(part: DerivedWrite, { refs }: WriteAttempt): DerivedWrite {
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  return checkedAt === undefined
    ? part
    : { ...part, refs: { ...(part.refs as object | undefined), checkedAt } };
}
