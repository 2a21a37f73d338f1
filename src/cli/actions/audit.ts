/** Lists the audit. */
import { plural } from '../../domain/numbers.ts';
import type { AuditEntry } from '../../ledger/audit/chain.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { createAuditTable, isOfBatch } from '../render/audit.ts';
import { type Output, openOutput } from '../terminal/output.ts';
import { writeAll } from '../terminal/output-stream.ts';
import { sanitize, toJson } from '../terminal/sanitize.ts';
import { findRunId } from './find-run.ts';

export interface AuditOptions {
  readonly run?: string;
  /** With the entries of single batches. */
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Throws UsageError. */
export async function listAudit(cli: Cli, options: AuditOptions): Promise<ExitCode> {
  const { run, json = false } = options;
  return withSession(cli, async (session) => {
    const runId = run === undefined ? undefined : await findRunId(cli, session, run);
    const entries = session.ledger.audit.list(runId);
    await writeAll(cli.stdout, json ? formatJson(entries) : formatTable(entries, openOutput(cli), options));
    return EXIT.ok;
  });
}

async function* formatTable(
  entries: AsyncIterable<AuditEntry>,
  { colors, stream }: Output,
  { run, all = false }: AuditOptions,
): AsyncIterable<string> {
  const table = createAuditTable(colors, stream.columns ?? Infinity);
  let [shown, leftOut] = [0, 0];
  for await (const entry of entries) {
    if (!all && isOfBatch(entry)) {
      leftOut += 1;
      continue;
    }
    if (shown === 0) yield `${table.head}\n`;
    shown += 1;
    yield sanitize(`${table.entry(entry, run !== undefined)}\n`);
  }
  if (leftOut > 0) yield `\n${plural(leftOut, 'entry')} of single batches left out; --all shows them\n`;
}

async function* formatJson(entries: AsyncIterable<AuditEntry>): AsyncIterable<string> {
  let separator = '\n';
  yield '{"entries": [';
  for await (const entry of entries) {
    const { seq, audit_id: auditId, run_id: runId, at, action, data, previous_hash, hash } = entry;
    const shown = { seq: Number(seq), auditId, runId, at, action, data, previousHash: previous_hash, hash };
    yield `${separator}${toJson(shown)}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}
