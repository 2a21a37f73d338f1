/**
 * What leaves the audit, and is checked without the ledger: a receipt for one entry, and an export of the chain. Both have the
 * entries as they were hashed (docs/audit.md).
 */
import { z } from 'zod';
import type { Audit } from '../ledger/audit/audit.ts';
import { type AuditEntry, auditHash, hashedContent } from '../ledger/audit/chain.ts';
import { merkleRoot, proveLeaf, rootOf } from '../ledger/audit/merkle.ts';
import { canonicalize } from '../ledger/hashing.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 hash in 64 hexadecimal digits');
const count = z.int().positive();

const exportedEntry = z.strictObject({
  seq: count,
  previousHash: sha256,
  auditId: z.string(),
  runId: z.string(),
  at: z.iso.datetime({ precision: 3 }),
  action: z.string(),
  data: z.unknown(),
});

export const auditReceipt = z.strictObject({
  format: z.literal('cxflow-audit-receipt/1'),
  entry: exportedEntry,
  /** Which of the run's entries it is: 1 for the first. */
  position: count,
  /** Of so many entries of the run; later ones have no influence on the root. */
  entries: count,
  path: z.array(sha256),
  root: sha256,
});
export type AuditReceipt = z.infer<typeof auditReceipt>;

const exportedLine = exportedEntry.extend({ hash: sha256 });

/** One line of an export, without the line break. */
export function formatExported(entry: AuditEntry): string {
  const content = hashedContent(entry, Number(entry.seq), entry.previous_hash);
  return canonicalize({ ...content, hash: entry.hash });
}

/**
 * Throws an Error if the line is not exactly as it was written: what other programs read there, such as the first of two equal keys,
 * must be what is verified here.
 */
export function parseExported(line: string): AuditEntry {
  const { hash, ...content } = exportedLine.parse(JSON.parse(line));
  const entry = { ...toEntry(content), hash };
  if (formatExported(entry) !== line) throw new Error('not canonical JSON');
  return entry;
}

function toEntry({ seq, previousHash, auditId, runId, at, action, data }: z.infer<typeof exportedEntry>) {
  return {
    ...{ seq: String(seq), audit_id: auditId, run_id: runId, at: new Date(at), action, data },
    previous_hash: previousHash,
  };
}

/** The entries of an export. Throws NotExported. */
export async function* readExported(lines: AsyncIterable<string>): AsyncIterable<AuditEntry> {
  let n = 0;
  for await (const line of lines) {
    n += 1;
    yield readLine(line, n);
  }
}

/** A line of the file is not an entry as it was written. */
export class NotExported extends Error {
  override readonly name = 'NotExported';
}

function readLine(line: string, n: number): AuditEntry {
  try {
    return parseExported(line);
  } catch (cause) {
    throw new NotExported(`line ${n} is not an entry of the audit`, { cause });
  }
}

/** One hash that stands for the first `entries` entries of a run. The number belongs to it: with it, a path fits one position only. */
export interface AuditRoot {
  readonly entries: number;
  readonly root: string;
}

/** Null: the run has no sealed entry. */
export async function rootOfRun(audit: Audit, runId: string): Promise<AuditRoot | null> {
  const hashes = (await audit.hashes(runId)).map(({ hash }) => hash);
  return hashes.length === 0 ? null : { entries: hashes.length, root: merkleRoot(hashes) };
}

/**
 * The receipt of an entry. `entries`: for the root that the run had with its first so many entries; default: all of them. Null:
 * there is no such entry, or it is not among these.
 */
export async function proveEntry(audit: Audit, seq: number, entries?: number): Promise<AuditReceipt | null> {
  const entry = await audit.get(seq);
  if (!entry) return null;
  const all = await audit.hashes(entry.run_id);
  const covered = all.slice(0, entries);
  const index = covered.findIndex((each) => each.seq === seq);
  if (index < 0 || covered.length < (entries ?? 1)) return null;
  const proof = proveLeaf(
    covered.map(({ hash }) => hash),
    index,
  );
  return {
    format: 'cxflow-audit-receipt/1',
    entry: hashedContent(entry, seq, entry.previous_hash),
    position: index + 1,
    entries: covered.length,
    path: [...proof.path],
    root: proof.root,
  };
}

/**
 * Null: the receipt proves that its entry is one of those that the root stands for. Otherwise what is wrong. `kept`: the root that
 * was given beforehand; without it, only whether the receipt is consistent.
 */
export function checkReceipt(receipt: AuditReceipt, kept?: AuditRoot): string | null {
  const { entry, position, entries, path, root } = receipt;
  const hash = auditHash(toEntry(entry), entry.seq, entry.previousHash);
  const computed = position > entries ? null : rootOf(hash, { index: position - 1, size: entries, path });
  if (computed === null) return 'its path does not fit its position and number of entries';
  if (computed !== root) return 'the entry, its position or its path was changed: the computed root differs';
  if (kept && (kept.root !== root || kept.entries !== entries))
    return 'its root is not the one that was given beforehand';
  return null;
}
