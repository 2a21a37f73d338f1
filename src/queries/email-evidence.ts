/** Whether what the ledger has about a message is what the audit vouches for (ledger/emails/seals.ts). Personal data. */
import { z } from 'zod';
import { type EmailSendInput, messageOf } from '../contract/email-send.ts';
import { type AuditEntry, auditHash } from '../ledger/audit/audit.ts';
import type { MessageInTimeline } from '../ledger/emails/figures.ts';
import { type EmailSeal, hashBatch, hashContent } from '../ledger/emails/seals.ts';
import type { Run } from '../ledger/runs/runs.ts';

/**
 * `verified`: recipient, message and consent are those that the audit entry vouches for. `content_changed`: they are not.
 * `batch_changed`: the hashes of its batch are not those of the entry. `entry_changed`: the entry is not as it was sealed.
 * `entry_missing`: there is none, or it is not sealed yet. `not_sealed`: the entry vouches for no content, because CXone's answer
 * came late, or an earlier version has sent the message.
 */
export type EvidenceVerdict =
  | 'verified'
  | 'content_changed'
  | 'batch_changed'
  | 'entry_changed'
  | 'entry_missing'
  | 'not_sealed';

export interface MessageEvidence {
  readonly attempt: number;
  readonly verdict: EvidenceVerdict;
  /** Number of the audit entry; null: there is none. */
  readonly entry: number | null;
}

interface Given {
  readonly run: Pick<Run, 'run_id' | 'input'>;
  readonly seq: number;
  /** As the ledger has it now. */
  readonly recipient: object;
  readonly messages: readonly Pick<MessageInTimeline, 'attempt' | 'consent'>[];
  readonly seals: readonly EmailSeal[];
  readonly entries: readonly AuditEntry[];
}

export function verifyMessages(given: Given): readonly MessageEvidence[] {
  return given.seals.map((seal) => {
    const entries = given.entries.filter(({ data }) => readData(data).writeId === seal.writeId);
    // After a lost answer there is an entry about that as well.
    const entry = entries.find(({ data }) => readData(data).contentHash !== undefined) ?? entries.at(-1);
    const { attempt } = seal;
    return { attempt, verdict: judge(given, seal, entry), entry: entry ? Number(entry.seq) : null };
  });
}

function judge(given: Given, seal: EmailSeal, entry: AuditEntry | undefined): EvidenceVerdict {
  if (!entry) return 'entry_missing';
  if (auditHash(entry, Number(entry.seq), entry.previous_hash) !== entry.hash) return 'entry_changed';
  const { contentHash } = readData(entry.data);
  if (contentHash === undefined) return 'not_sealed';
  if (hashBatch(seal.batch) !== contentHash) return 'batch_changed';
  return recompute(given, seal) === seal.contentHash ? 'verified' : 'content_changed';
}

function recompute({ run, seq, recipient, messages }: Given, { salt, attempt, writeId }: EmailSeal): string {
  const { subject, templateId, senderAddress, tracking } = messageOf(run.input as EmailSendInput);
  const envelope = { subject, templateId, senderAddress, ...(tracking && { tracking }) };
  const consent = messages.find((message) => message.attempt === attempt)?.consent ?? null;
  return hashContent(salt ?? '', { runId: run.run_id, writeId, seq, envelope, recipient, consent });
}

const DATA = z.looseObject({ writeId: z.string().optional(), contentHash: z.string().optional() });

const readData = (data: unknown): z.infer<typeof DATA> => DATA.safeParse(data).data ?? {};
