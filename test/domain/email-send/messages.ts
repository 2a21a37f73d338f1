/** Messages and rows of recipients for tests. */
import { parse } from 'csv-parse/sync';
import type { ColumnMap } from '../../../src/domain/columns.ts';
import { resolveRecipientColumns } from '../../../src/domain/email-send/columns.ts';
import { type EmailMessage, type MessageInput, readMessage } from '../../../src/domain/email-send/message.ts';
import { createRecipientReader, type ReadRecipient } from '../../../src/domain/email-send/recipients.ts';
import type { Fields } from '../../../src/domain/fields.ts';
import type { JsonProblem } from '../../../src/domain/json.ts';

export const TEMPLATE_ID = '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23';

export const MESSAGE: MessageInput = {
  subject: 'Your plan',
  templateId: TEMPLATE_ID,
  senderAddress: 'news@example.com',
};

/** As `readMessage` returns it, without problems. */
export function messageOf(given: Partial<MessageInput> = {}): EmailMessage {
  const read = readMessage({ ...MESSAGE, ...given });
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return read.message;
}

/** `message.subject must not be blank` */
export function problemsOf(value: unknown): readonly string[] {
  const read = readMessage(value);
  return 'problems' in read
    ? read.problems.map(({ path, message }: JsonProblem) => `${path} ${message}`)
    : [];
}

/** A row of NDJSON. */
export function readRow(row: Fields, given: Partial<MessageInput> = {}, map: ColumnMap = {}): ReadRecipient {
  return createRecipientReader({ columns: null, map, message: messageOf(given) })(row);
}

export function recipientOf(row: Fields, given: Partial<MessageInput> = {}, map: ColumnMap = {}) {
  const read = readRow(row, given, map);
  if ('reasons' in read) throw new Error(JSON.stringify(read.reasons));
  return read.record;
}

/** Code and field of each reason. */
export function reasonsOf(read: ReadRecipient): readonly (readonly [string, string | undefined])[] {
  return 'reasons' in read ? read.reasons.map(({ code, field }) => [code, field] as const) : [];
}

/** Every row of a CSV, with its line in the file. */
export function readCsv(csv: string, message: EmailMessage, map: ColumnMap = {}) {
  const [columns = [], ...cells] = parse(csv.trim(), { relax_column_count: true });
  const resolved = resolveRecipientColumns(columns, map, message);
  if ('problems' in resolved) throw new Error(resolved.problems.join('\n'));
  const read = createRecipientReader({ columns: resolved.columns, map, message });
  return cells.map((row, index) => {
    const fields = Object.fromEntries(columns.map((column, at) => [column, row[at] ?? '']));
    return { line: index + 2, read: read(fields) };
  });
}
