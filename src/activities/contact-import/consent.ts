/** Who of a batch of contacts may be reached: asked before the batch, by the one check that all paths share. */
import type { ContactImportInput } from '../../contract/contact-import.ts';
import type { Contact } from '../../domain/contact-import/contacts.ts';
import type { Channel, Eligibility } from '../../domain/consent/eligibility.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Answer, LookUps, PendingRecord, Write } from '../engine/definition.ts';
import {
  type ConsentDeps,
  type ConsentQuestion,
  createConsentCheck,
  reasonOfNo,
} from '../consent/eligibility.ts';
import { CREATE } from './answers.ts';
import { lookUpEach } from '../engine/lookups.ts';

/** `--require-consent`: each contact is asked for before its batch. Reads only. */
export const CHECK = 'consent_check';
/** What was answered is believed so long; a batch that leaves later is asked for again. */
const CONSENT_HOLDS_MS = 10 * 60_000;
/** Whom a contact list reaches where nobody says otherwise: it is of telephone numbers. */
const CHANNELS_OF_A_NUMBER: readonly Channel[] = ['voice', 'sms'];

interface CheckedRefs {
  readonly checkedAt?: string;
}

const inputOf = (run: Run): ContactImportInput => run.input as ContactImportInput;

/** For the plan; null: nobody is asked. */
export async function lookUpsOf(ledger: Ledger, run: Run): Promise<LookUps | null> {
  if (!inputOf(run).requireConsent) return null;
  const { pending, withGuid } = await ledger.records.countPendingContacts(run.run_no);
  return { requests: withGuid, withoutContactId: pending - withGuid };
}

/**
 * Our own suppression list, and the age of the answers about consent. Before the first try only: a batch that may have
 * been applied has to be sent again as it was, or nobody could tell what became of it.
 */
export async function lookBeforeSending(ledger: Ledger, write: Write): Promise<Answer | null> {
  if (write.doubt !== 'none') return null;
  const { requireConsent } = inputOf(write.run);
  const { checkedAt } = (write.refs ?? {}) as CheckedRefs;
  if (requireConsent && Date.now() - Date.parse(checkedAt ?? '1970-01-01') > CONSENT_HOLDS_MS)
    return lookedUp([], [{ kind: CHECK, seqs: write.seqs }], 'Consent to be asked for again');
  if (await ledger.suppressions.isEmpty()) return null;
  const channels = requireConsent ? [requireConsent] : CHANNELS_OF_A_NUMBER;
  const ids = write.records.map(({ record }) => (record as Contact).contactId);
  const suppressed = new Set(
    (await ledger.suppressions.find(ids, channels)).map(({ contactId }) => contactId),
  );
  if (suppressed.size === 0) return null;
  const isOut = ({ record }: PendingRecord) => suppressed.has((record as Contact).contactId);
  const seqsOf = (out: boolean) =>
    write.records.filter((record) => isOut(record) === out).map(({ seq }) => seq);
  const reasons: Reason[] = [{ code: 'suppressed', message: 'on our own suppression list' }];
  const rest = seqsOf(false);
  return lookedUp(
    [{ outcome: 'suppressed', seqs: seqsOf(true), reasons }],
    rest.length > 0 ? [{ kind: CREATE, seqs: rest, refs: write.refs }] : [],
    `Suppressed ${suppressed.size}`,
  );
}

/** Fail closed: only who may be reached on that channel goes on to the list. */
export async function checkConsent(deps: ConsentDeps, write: Write): Promise<Answer> {
  const { requireConsent: channel = 'voice', policy = 'default' } = inputOf(write.run);
  const check = createConsentCheck(deps);
  const questions = new Map(write.records.map((record) => [record.seq, questionOf(record, channel)]));
  const atHome = await check.checkLocally([...questions.values()], policy);
  const question = ({ seq, record }: PendingRecord) =>
    questions.get(seq) ?? questionOf({ seq, record }, channel);
  const { verdicts, rest, refs, interruptedBy } = await lookUpEach<Eligibility>(write, {
    known: (record) => atHome.get(question(record)),
    ask: (record) => check.askCxone(question(record), policy),
    giveUp: (record) => check.unavailable(question(record), policy),
  });
  const eligible = [...verdicts].filter(([, verdict]) => verdict.eligible).map(([seq]) => seq);
  const checkedAt = new Date().toISOString();
  const derived = [
    ...(eligible.length > 0 ? [{ kind: CREATE, seqs: eligible, refs: { checkedAt } }] : []),
    ...(rest.length > 0 ? [{ kind: CHECK, seqs: rest, refs }] : []),
  ];
  return {
    ...lookedUp(ineligible(verdicts), derived, `${eligible.length} of ${verdicts.size} may be reached`),
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
    reasons: [reasonOfNo(verdict)],
    evidence: verdict.ruleVersion,
  }));
}

/** Nothing was written. */
function lookedUp(groups: readonly SettledGroup[], derived: Answer['derived'], details: string): Answer {
  const emitsEvent = groups.length > 0;
  return { groups, derived, httpStatus: 200, requestId: null, details, readOnly: true, emitsEvent };
}

/** The rest of a batch needs no new question. */
export function withCheck(part: DerivedWrite, { refs }: Write): DerivedWrite {
  const { checkedAt } = (refs ?? {}) as CheckedRefs;
  if (part.kind !== CREATE || checkedAt === undefined) return part;
  return { ...part, refs: { ...(part.refs as object | undefined), checkedAt } };
}
