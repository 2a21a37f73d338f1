/** Whether a message was changed after sending, by the hashes of its content (ledger/emails/content-hashes.ts). Personal data. */
import { z } from 'zod';
import { type EmailSendInput, envelopeOf, messageOf } from '../contract/email-send.ts';
import { type AuditEntry, auditHash } from '../ledger/audit/chain.ts';
import { type ContentHash, hashBatch, hashContent } from '../ledger/emails/content-hashes.ts';
import type { MessageInTimeline } from '../ledger/emails/figures.ts';
import type { Run } from '../ledger/runs/runs.ts';

/**
 * `verified`: recipient, message and consent are as recorded in the audit. `content_changed`: one of them is not. `batch_changed`:
 * the hashes of the batch are not those of the audit entry. `entry_changed`: the entry is not as it was sealed. `entry_missing`:
 * there is none, or it is not sealed yet. `no_content_hash`: the entry has none, because CXone answered late, or an earlier version
 * sent the message.
 */
type Verdict =
  | 'verified'
  | 'content_changed'
  | 'batch_changed'
  | 'entry_changed'
  | 'entry_missing'
  | 'no_content_hash';

export interface MessageVerification {
  readonly attempt: number;
  readonly verdict: Verdict;
  /** Number of the audit entry; null: there is none. */
  readonly entry: number | null;
}

interface Given {
  readonly run: Pick<Run, 'run_id' | 'input'>;
  readonly seq: number;
  /** As the ledger has it now. */
  readonly recipient: object;
  readonly messages: readonly Pick<MessageInTimeline, 'attempt' | 'consent'>[];
  readonly hashes: readonly ContentHash[];
  readonly entries: readonly AuditEntry[];
}

export function verifyMessages(given: Given): readonly MessageVerification[] {
  return given.hashes.map((hash) => {
    const entries = given.entries.filter(({ data }) => readData(data).writeId === hash.writeId);
    // After a lost answer there is an entry about that as well.
    const entry = entries.find(({ data }) => readData(data).contentHash !== undefined) ?? entries.at(-1);
    const { attempt } = hash;
    return { attempt, verdict: judge(given, hash, entry), entry: entry ? Number(entry.seq) : null };
  });
}

function judge(given: Given, hash: ContentHash, entry: AuditEntry | undefined): Verdict {
  if (!entry) return 'entry_missing';
  if (auditHash(entry, Number(entry.seq), entry.previous_hash) !== entry.hash) return 'entry_changed';
  const { contentHash } = readData(entry.data);
  if (contentHash === undefined) return 'no_content_hash';
  if (hashBatch(hash.batch) !== contentHash) return 'batch_changed';
  return recompute(given, hash) === hash.contentHash ? 'verified' : 'content_changed';
}

function recompute(
  { run, seq, recipient, messages }: Given,
  { salt, attempt, writeId }: ContentHash,
): string {
  const envelope = envelopeOf(messageOf(run.input as EmailSendInput));
  const consent = messages.find((message) => message.attempt === attempt)?.consent ?? null;
  return hashContent(salt ?? '', { runId: run.run_id, writeId, seq, envelope, recipient, consent });
}

const DATA = z.looseObject({ writeId: z.string().optional(), contentHash: z.string().optional() });

const readData = (data: unknown): z.infer<typeof DATA> => DATA.safeParse(data).data ?? {};
