/**
 * Compares the simulator's journal of emails with the ledger: nobody was sent a message twice, skipped, or sent one without a
 * claim or against a suppression; what CXone accepted is what the ledger calls sent; and both levels of figures add up.
 */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { EmailSendResult } from '../../src/contract/email-send.ts';
import { toMailbox } from '../../src/domain/email-address.ts';
import type { Counts, Outcome } from '../../src/domain/run.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';
import type { AcceptedEmail } from '../../src/simulator/email.admin-client.ts';
import { checkEachBatchWasClaimed } from './claimed-batches.ts';
import type { ItemCheck } from './item-conservation.ts';

/** A recipient who is no duplicate. */
interface Recipient {
  readonly mailbox: string;
  readonly contactId: string | null;
  readonly outcome: Outcome | 'pending';
  /** A write whose answer is not known may have sent a message to it. */
  readonly unknown: boolean;
}

interface Message {
  readonly jobId: string;
  readonly mailbox: string;
  readonly outcome: Outcome | 'pending';
  readonly retried: boolean;
  readonly hasBounced: boolean;
}

export async function checkEmails(
  database: Database,
  ledger: Ledger,
  admin: AdminClient,
  run: Run,
  { heldTwice = 0, isListShared = false, isSuppressedLater = false }: ItemCheck,
): Promise<void> {
  const recipients = await listRecipients(database, run);
  const messages = await listMessages(database, run);
  const { sent, unexplained } = await acceptedOf(database, admin, run, recipients, isListShared);
  expect(unexplained, 'emails that CXone accepted and no run of the ledger knows').toEqual([]);
  const inDoubt = sent.filter(({ jobId }) => jobId === null);
  expect(
    sent.flatMap(({ jobId, mailbox }) => (jobId === null ? [] : `${jobId} ${mailbox}`)).toSorted(),
    'emails that CXone accepted = messages of the ledger, job by job',
  ).toEqual(messages.map(({ jobId, mailbox }) => `${jobId} ${mailbox}`).toSorted());
  expect(
    inDoubt.filter(({ mailbox }) => !mayHaveBeenSent(recipients.get(mailbox))).map(({ mailbox }) => mailbox),
    'sent according to CXone, but not according to the ledger',
  ).toEqual([]);
  checkNobodyTwice(sent, messages, heldTwice);
  checkOutcomes(recipients, messages);
  if (!isSuppressedLater) await checkSuppressions(ledger, admin, recipients, sent);
  await checkQuota(database, run);
  await checkJobsAreDone(database, run);
  await checkLevels(database, run);
  await checkEachBatchWasClaimed(database, admin, run, {
    path: '/v1/communications/email/messages',
    kind: 'send',
    knownBy: sql`r.record->>'toAddress'`,
    isForAllTargets: true,
  });
}

/** By mailbox. */
async function listRecipients({ db }: Database, run: Run): Promise<ReadonlyMap<string, Recipient>> {
  const { rows } = await sql<Recipient>`
    select r.key1 as mailbox, r.record->>'contactId' as "contactId", coalesce(o.outcome, 'pending') as outcome,
      exists (select 1 from writes p where p.run_no = r.run_no and r.seq = any(p.seqs) and p.kind = 'send'
        and p.state in ('sending', 'unanswered', 'in_doubt')) as unknown
    from records r left join outcomes o using (run_no, seq)
    where r.run_no = ${run.run_no} and r.record is not null and o.outcome is distinct from 'duplicate'`.execute(
    db,
  );
  expect(new Set(rows.map(({ mailbox }) => mailbox)).size, 'recipients with mailboxes of their own').toBe(
    rows.length,
  );
  return new Map(rows.map((row) => [row.mailbox, row]));
}

async function listMessages({ db }: Database, run: Run): Promise<readonly Message[]> {
  const { rows } = await sql<Message>`
    select m.job_id as "jobId", r.key1 as mailbox, coalesce(o.outcome, 'pending') as outcome, m.retried,
      exists (select 1 from email_events e where e.run_no = m.run_no and e.seq = m.seq and e.attempt = m.attempt
        and e.type like 'bounce%') as "hasBounced"
    from email_messages m join records r using (run_no, seq) left join outcomes o using (run_no, seq)
    where m.run_no = ${run.run_no}`.execute(db);
  return rows;
}

interface Sent {
  /** null: of a job that the ledger does not know, because the answer was lost. */
  readonly jobId: string | null;
  readonly mailbox: string;
  readonly at: number;
}

/** What CXone accepted for this run. A job that no run knows belongs to the run with this template and these recipients. */
async function acceptedOf(
  { db }: Database,
  admin: AdminClient,
  run: Run,
  recipients: ReadonlyMap<string, Recipient>,
  isListShared: boolean,
): Promise<{ readonly sent: readonly Sent[]; readonly unexplained: readonly AcceptedEmail[] }> {
  const { rows } = await sql<{ jobId: string; runNo: number; target: string }>`
    select job_id as "jobId", run_no as "runNo", target from email_jobs join runs using (run_no)`.execute(db);
  // Each simulator counts its jobs from 1, and the runs of a file may share the ledger.
  const runs = new Map(rows.map(({ jobId, runNo, target }) => [`${jobId} ${target}`, runNo]));
  const sent: Sent[] = [];
  const unexplained: AcceptedEmail[] = [];
  for (const email of await admin.acceptedEmails()) {
    const owner = runs.get(`${email.jobId} ${email.templateId}`);
    const mailbox = toMailbox(email.toAddress) ?? '';
    const isOurs = owner === undefined ? mayBelong(run, email, recipients) : owner === run.run_no;
    if (isOurs)
      sent.push({ jobId: owner === undefined ? null : email.jobId, mailbox, at: Date.parse(email.at) });
    else if (owner === undefined && !isListShared) unexplained.push(email);
  }
  return { sent, unexplained };
}

function mayBelong(run: Run, email: AcceptedEmail, recipients: ReadonlyMap<string, Recipient>): boolean {
  const recipient = recipients.get(toMailbox(email.toAddress) ?? '');
  return email.templateId === run.target && mayHaveBeenSent(recipient);
}

const mayHaveBeenSent = (recipient: Recipient | undefined): boolean =>
  recipient !== undefined &&
  (recipient.outcome === 'in_doubt' || recipient.outcome === 'sent' || recipient.unknown);

/** Only what bounced is sent again by itself; what may have been sent, only by a person. */
function checkNobodyTwice(sent: readonly Sent[], messages: readonly Message[], heldTwice: number): void {
  const retried = messages.filter((message) => message.retried);
  expect(
    retried.filter(({ hasBounced }) => !hasBounced).map(({ mailbox }) => mailbox),
    'retries of messages that have not bounced',
  ).toEqual([]);
  const allowed = countBy(retried.map(({ mailbox }) => mailbox));
  const tooMany = [...countBy(sent.map(({ mailbox }) => mailbox))].flatMap(([mailbox, n]) => {
    const more = n - 1 - (allowed.get(mailbox) ?? 0);
    return more > 0 ? [{ mailbox, more }] : [];
  });
  const total = tooMany.reduce((sum, { more }) => sum + more, 0);
  expect(heldTwice === 0 ? tooMany : total, 'mailboxes with more than one email').toEqual(heldTwice || []);
}

/** Everybody with a message is `sent`, or a retry is pending or in doubt; and nobody else is `sent`. */
function checkOutcomes(recipients: ReadonlyMap<string, Recipient>, messages: readonly Message[]): void {
  const reached = new Set(messages.map(({ mailbox }) => mailbox));
  expect(
    [...recipients.values()].filter(({ mailbox, outcome }) => outcome === 'sent' && !reached.has(mailbox)),
    'sent according to the outcome, but without a message',
  ).toEqual([]);
  const wrong = messages.filter(({ outcome }) => !['sent', 'in_doubt', 'pending'].includes(outcome));
  expect(wrong, 'messages of recipients whose outcome says that they were sent none').toEqual([]);
}

async function checkSuppressions(
  { suppressions }: Ledger,
  admin: AdminClient,
  recipients: ReadonlyMap<string, Recipient>,
  sent: readonly Sent[],
): Promise<void> {
  const { entries } = await admin.emailSuppressions({ limit: 1_000 });
  const suppressed = new Set(entries.map(({ email }) => toMailbox(email)));
  expect(
    sent.filter(({ mailbox }) => suppressed.has(mailbox)).map(({ mailbox }) => mailbox),
    'emails to addresses that CXone suppresses',
  ).toEqual([]);
  const mailboxes = sent.map(({ mailbox }) => mailbox);
  const addresses = await suppressions.findAddresses(mailboxes);
  const contactIds = mailboxes.flatMap((mailbox) => recipients.get(mailbox)?.contactId ?? []);
  const people = await suppressions.find(contactIds, ['email']);
  const since = new Map<string, number>(addresses.map(({ mailbox, since: at }) => [mailbox, at.getTime()]));
  const objected = new Map(people.map(({ contactId, since: at }) => [contactId, at.getTime()]));
  const wrong = sent.filter(({ mailbox, at }) => {
    const contactId = recipients.get(mailbox)?.contactId ?? '';
    return Math.min(since.get(mailbox) ?? Infinity, objected.get(contactId) ?? Infinity) < at;
  });
  expect(
    wrong.map(({ mailbox }) => mailbox),
    'emails to people and addresses that our own list suppressed before',
  ).toEqual([]);
}

/** What counts towards the daily limit is what was sent, or may have been. */
async function checkQuota({ db }: Database, run: Run): Promise<void> {
  const { rows } = await sql<{ id: string; reserved: number | null; messages: number }>`
    select w.id, q.n as reserved, count(m.seq)::int as messages
    from writes w left join email_quota q on q.write_id = w.id
      left join email_messages m on m.run_no = w.run_no and m.write_id = w.id
    where w.run_no = ${run.run_no} and w.state = 'settled' and w.kind = 'send' and w.lost_answers = 0
    group by w.id, q.n having coalesce(q.n, 0) <> count(m.seq)`.execute(db);
  expect(rows, 'writes that count differently towards the daily limit than they have messages').toEqual([]);
}

async function checkJobsAreDone({ db }: Database, run: Run): Promise<void> {
  if (run.state !== 'completed' || run.dry_run) return;
  const { rows } = await sql`
    select job_id, status, polls from email_jobs where run_no = ${run.run_no} and ended_at is null`.execute(
    db,
  );
  expect(rows, 'jobs that are still followed').toEqual([]);
}

/** Each recipient who was sent a message is in one part of the second level, and those parts add up to the first. */
async function checkLevels({ db }: Database, run: Run): Promise<void> {
  const result = run.result as (EmailSendResult & { readonly counts: Counts }) | null;
  if (result?.delivery === undefined || run.state === 'running') return;
  const { rows } = await sql<{ state: string; n: number }>`
    select state, count(*)::int as n from (
      select distinct on (m.seq) m.seq, m.state from email_messages m join outcomes o using (run_no, seq)
      where m.run_no = ${run.run_no} and o.outcome = 'sent'
      order by m.seq, (m.state = 'delivered') desc, m.attempt desc) counted
    group by state`.execute(db);
  const n = Object.fromEntries(rows.map((row) => [row.state, row.n]));
  const { delivered, bouncedTotal, failed, accepted, inDoubt, sent, rates } = result.delivery;
  expect({ delivered, bouncedTotal, failed, accepted, inDoubt }, 'figures = messages recounted').toEqual({
    delivered: n.delivered ?? 0,
    bouncedTotal: n.bounced ?? 0,
    failed: n.failed ?? 0,
    accepted: n.accepted ?? 0,
    inDoubt: n.in_doubt ?? 0,
  });
  const parts = delivered + bouncedTotal + failed + accepted + inDoubt;
  expect({ parts, sent }, 'the second level adds up to the first').toEqual({
    parts: result.counts.sent ?? 0,
    sent: result.counts.sent ?? 0,
  });
  for (const [rate, percent] of Object.entries(rates))
    expect(percent ?? 0, `rate ${rate}`).toBeLessThanOrEqual(100);
}

function countBy(values: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
