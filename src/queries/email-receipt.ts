/** Everything that the ledger knows about one recipient of an email send. Personal data. */
import { z } from 'zod';
import type { EmailSendInput } from '../contract/email-send.ts';
import type { Recipient } from '../domain/email-send/recipients.ts';
import type { Reason } from '../domain/run.ts';
import type { AuditEntry } from '../ledger/audit/chain.ts';
import type { MessageInTimeline } from '../ledger/emails/figures.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { KeyedRecord } from '../ledger/runs/records.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { WriteOfRecord } from '../ledger/writes/writes.ts';
import { listOptOutRuns, type OptOutRun } from './email-opt-outs.ts';
import { type MessageVerification, verifyMessages } from './email-verification.ts';
import { readRunHistory } from './run-history.ts';

export interface EmailReceipt {
  readonly runId: string;
  readonly line: number;
  readonly outcome: KeyedRecord['outcome'];
  readonly reasons: readonly Reason[];
  /** What CXone or our own list said, e.g. the reason and the date of a suppression. */
  readonly evidence: string | null;
  /** Lines of the source with the same mailbox, to which nothing was sent. */
  readonly duplicateLines: readonly number[];
  readonly approval: Approval;
  readonly consent: Pick<EmailSendInput, 'channelConsent' | 'policy'>;
  /** What was looked up, and what was sent, in this order. */
  readonly writes: readonly WriteOfRecord[];
  readonly messages: readonly MessageInTimeline[];
  /** Those that may have brought the opt-out of this recipient to CXone; none if it was not handed over. */
  readonly optOutRuns: readonly OptOutRun[];
  /** As of now: why nothing would be sent to this mailbox or person. */
  readonly suppressions: readonly CurrentSuppression[];
  /** Of the run, and of the writes and jobs concerned. */
  readonly audit: readonly ReceiptEntry[];
  /** Of each message: whether it was changed after sending. */
  readonly verifications: readonly MessageVerification[];
  /** Writes whose entry no worker has sealed yet, which takes a second. */
  readonly unsealedWrites: number;
}

export interface Approval {
  readonly planHash: string | null;
  readonly required: boolean;
  /** Null: nobody has approved the plan. */
  readonly by: string | null;
  readonly at: Date | null;
  readonly reason: string | null;
}

export interface CurrentSuppression {
  readonly of: 'mailbox' | 'person';
  readonly reason: string;
  readonly code: string | null;
  readonly since: Date | string;
}

/** A sealed entry of the audit, as `cxflow audit verify` recomputes it. */
export interface ReceiptEntry {
  readonly seq: number;
  readonly auditId: string;
  readonly at: Date;
  readonly action: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** Null: no row of the run has this mailbox. `mailbox`: as `toMailbox` returns it. */
export async function readEmailReceipt(
  ledger: Ledger,
  run: Run,
  mailbox: string,
): Promise<EmailReceipt | null> {
  const rows = await ledger.records.listByKey(run.run_no, mailbox);
  const record = rows.find(({ outcome }) => outcome !== 'duplicate') ?? rows[0];
  if (!record) return null;
  const { run_no: runNo, run_id: runId } = run;
  const { channelConsent = 'require', policy } = run.input as EmailSendInput;
  const { line, outcome, reasons, evidence } = record;
  const { contactId } = record.record as Recipient;
  const writes = await ledger.writes.listOfRecord(runNo, record.seq);
  const messages = await ledger.emails.timeline(runNo, record.seq);
  const entries = await listEntries(ledger, runId, { writes, messages });
  return {
    ...{ runId, line, outcome, reasons, evidence },
    duplicateLines: rows.filter(({ seq }) => seq !== record.seq).map((other) => other.line),
    approval: await readApproval(ledger, run),
    consent: { channelConsent, ...(policy !== undefined && { policy }) },
    ...{ writes, messages },
    optOutRuns: messages.some(({ syncedAt }) => syncedAt !== null) ? await listOptOutRuns(ledger, runId) : [],
    suppressions: await listSuppressions(ledger, mailbox, contactId),
    audit: entries.map(toReceiptEntry),
    verifications: verifyMessages({
      ...{ run, seq: record.seq, recipient: record.record as Recipient, messages, entries },
      hashes: await ledger.emails.contentHashes(runNo, record.seq),
    }),
    unsealedWrites: countUnsealed(writes, entries),
  };
}

async function readApproval(ledger: Pick<Ledger, 'reports'>, run: Run): Promise<Approval> {
  const { entries } = await readRunHistory(ledger, run.run_id);
  const approved = entries.findLast(({ action }) => action === 'approve');
  const { approval: required = false } = run.input as EmailSendInput;
  const { by = null, at = null, why = null } = approved ?? {};
  return { planHash: run.plan_hash, required, by, at, reason: why };
}

async function listSuppressions(
  { suppressions }: Pick<Ledger, 'suppressions'>,
  mailbox: string,
  contactId: string | null,
): Promise<readonly CurrentSuppression[]> {
  const [people, addresses] = await Promise.all([
    contactId === null ? [] : suppressions.find([contactId], ['email']),
    suppressions.findAddresses([mailbox]),
  ]);
  return [
    ...people.map(({ reason, since }): CurrentSuppression => ({ of: 'person', reason, code: null, since })),
    ...addresses.map(
      ({ reason, code, since }): CurrentSuppression => ({ of: 'mailbox', reason, code, since }),
    ),
  ];
}

/** What happened to the run as a whole, and everything about these writes and jobs. */
async function listEntries(
  { audit }: Pick<Ledger, 'audit'>,
  runId: string,
  { writes, messages }: Pick<EmailReceipt, 'writes' | 'messages'>,
): Promise<readonly AuditEntry[]> {
  const writeIds = new Set(writes.map(({ id }) => id));
  const jobIds = new Set(messages.map(({ job }) => job.jobId));
  const entries: AuditEntry[] = [];
  for await (const entry of audit.list(runId)) {
    const { writeId, jobId } = DATA.safeParse(entry.data).data ?? {};
    const isAboutRun = writeId === undefined && jobId === undefined;
    if (isAboutRun || writeIds.has(writeId ?? '') || jobIds.has(jobId ?? '')) entries.push(entry);
  }
  return entries;
}

const DATA = z.looseObject({ writeId: z.string().optional(), jobId: z.string().optional() });

function toReceiptEntry(entry: AuditEntry): ReceiptEntry {
  const { seq, audit_id: auditId, at, action, previous_hash: previousHash, hash } = entry;
  return { seq: Number(seq), auditId, at, action, previousHash, hash };
}

/** Each of them has an entry from the moment in which it was settled. */
function countUnsealed(writes: readonly WriteOfRecord[], entries: readonly AuditEntry[]): number {
  const sealed = new Set(entries.map(({ data }) => DATA.safeParse(data).data?.writeId));
  return writes.filter(({ id, settledAt }) => settledAt !== null && !sealed.has(id)).length;
}
