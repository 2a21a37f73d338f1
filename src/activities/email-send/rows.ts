/** How the rows of a source become recipients, and which of them are the same mailbox. */
import { messageOf, emailSend as spec } from '../../contract/email-send.ts';
import { recipientMapProblems, resolveRecipientColumns } from '../../domain/email-send/columns.ts';
import { searchFields } from '../../domain/email-send/provided-fields.ts';
import { createRecipientReader } from '../../domain/email-send/recipients.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { DuplicateCandidate, DuplicateRow } from '../../ledger/runs/records.ts';
import { findColumnMap } from '../../ledger/runs/retries.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import type { RowReader } from '../engine/definition.ts';
import { runInput } from '../engine/run-input.ts';

export function createRowReader(
  run: Run,
  columns: readonly string[] | null,
  map: Readonly<Record<string, string>>,
): RowReader {
  const message = messageOf(runInput(spec, run));
  const problems = recipientMapProblems(columns, map, message, 'history');
  const resolved = columns && resolveRecipientColumns(columns, map, message);
  if (problems.length > 0 || (resolved && 'problems' in resolved))
    throw new SourceError('source_unreadable', problems.join(' '));
  const readRecipient = createRecipientReader({ columns: resolved && resolved.columns, map, message });
  return (fields) => {
    const read = readRecipient(fields);
    if ('reasons' in read) return read;
    const { record, mailbox } = read;
    return { record, key1: mailbox, key2: '' };
  };
}

/** One mailbox is one recipient: the first row that has it. */
export async function* findDuplicateRecipients(
  _run: Run,
  candidates: AsyncIterable<DuplicateCandidate>,
): AsyncIterable<DuplicateRow> {
  const lines = new Map<string, number>();
  for await (const { seq, line, key1 } of candidates) {
    const winner = lines.get(key1);
    if (winner === undefined) lines.set(key1, line);
    else
      yield {
        seq,
        reason: { code: 'duplicate_in_source', field: 'emailAddress', message: `same as line ${winner}` },
      };
  }
}

/**
 * A declared merge field that no row has is one error, not an `invalid` row each. Of NDJSON and JSON it shows when all rows are
 * staged, and as long as any row is valid nothing has to be searched. Throws SourceError.
 */
export async function requireDeclaredFields({ records, runs }: Ledger, run: Run): Promise<void> {
  const { pending } = await records.countPendingContacts(run.run_no);
  if (pending > 0) return;
  const map = await findColumnMap(runs, run);
  const search = searchFields(messageOf(runInput(spec, run)), map, 'history');
  for await (const { fields } of records.list(run.run_no)) {
    search.note(fields);
    if (search.isDone()) return;
  }
  const problems = search.problems();
  if (problems.length > 0) throw new SourceError('source_unreadable', problems.join('. '));
}
