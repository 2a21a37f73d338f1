/** Converts rows to recipients (docs/email-send.md#the-file). Pure. */
import type { ColumnMap } from '../columns.ts';
import { toContactId } from '../contact-id.ts';
import { readEmailAddress } from '../email-address.ts';
import { type Fields, readField } from '../fields.ts';
import type { Reason } from '../run.ts';
import { TEXT_RULES, textProblem } from '../text.ts';
import { type Part, readCell } from './cells.ts';
import { matchRecipientKeys, type RecipientColumns, splitKeys } from './columns.ts';
import { createMergeReader } from './merge-values.ts';
import type { EmailMessage } from './message.ts';

/** Exactly as it is sent, apart from the contact id. */
export interface Recipient {
  /** By which consent is looked up; null: the row has none. */
  readonly contactId: string | null;
  readonly toAddress: string;
  /** Complete: every declared field, with fallbacks filled in. Without declared fields, every column; `''` if it is blank. */
  readonly mergeFields: Readonly<Record<string, string>>;
  /** Those of the message, then those of the row, each once. */
  readonly tags: readonly string[];
}

export type ReadRecipient =
  | {
      readonly record: Recipient;
      /** The identity of the address (email-address.ts). Rows that share it are the same recipient. */
      readonly mailbox: string;
    }
  | { readonly reasons: readonly Reason[] };

/**
 * Converts one row after another to a recipient, or returns every reason why that is impossible. The address, the contact id and
 * tags are trimmed; merge fields are sent as they are.
 * @param given.columns of the header (resolveRecipientColumns). null for NDJSON and JSON: each row is matched by its own keys,
 * and may have `mergeFields`, an object of texts, and `tags`, a list of texts
 */
export function createRecipientReader(given: {
  readonly columns: RecipientColumns | null;
  readonly map?: ColumnMap;
  readonly message: Pick<EmailMessage, 'subject' | 'mergeFields' | 'tags'>;
}): (fields: Fields) => ReadRecipient {
  const { columns, map = {}, message } = given;
  const readMergeFields = createMergeReader(message);
  return (fields) => {
    const row = columns ? { columns, nested: undefined } : matchRow(fields, map, message);
    const address = readAddress(fields, row.columns);
    const contactId = readContactId(fields, row.columns);
    const tags = readTags(fields, row.columns);
    const merge = readMergeFields(fields, row.columns, row.nested);
    const reasons = [
      // Of a source with a header it is a problem of the columns.
      ...(columns === null ? ambiguityReasons(row.columns) : []),
      ...[address, contactId, tags, merge].flatMap((part) => part.reasons),
    ];
    if (reasons.length > 0) return { reasons };
    return {
      record: {
        contactId: contactId.value,
        toAddress: address.value.address,
        mergeFields: merge.value,
        tags: [...new Set([...(message.tags ?? []), ...tags.value])],
      },
      mailbox: address.value.mailbox,
    };
  };
}

function matchRow(
  fields: Fields,
  map: ColumnMap,
  message: Pick<EmailMessage, 'mergeFields'>,
): { readonly columns: RecipientColumns; readonly nested: unknown } {
  const { flat, nested } = splitKeys(fields);
  return { columns: matchRecipientKeys(flat, map, message), nested };
}

function ambiguityReasons({ ambiguous }: RecipientColumns): readonly Reason[] {
  return ambiguous.map(
    (field): Reason => ({ code: 'field_ambiguous', field, message: 'two keys that could be this field' }),
  );
}

function readAddress(
  fields: Fields,
  { address: column }: RecipientColumns,
): Part<{ readonly address: string; readonly mailbox: string }> {
  const field = column ?? 'emailAddress';
  const none = { address: '', mailbox: '' };
  const { value: text, reasons } = readCell(readField(fields, column), field);
  if (reasons.length > 0) return { value: none, reasons };
  const read = readEmailAddress(text);
  return 'reason' in read
    ? { value: none, reasons: [{ ...read.reason, field }] }
    : { value: read, reasons: [] };
}

function readContactId(fields: Fields, { contactId: column }: RecipientColumns): Part<string | null> {
  const field = column ?? 'contactId';
  const cell = readField(fields, column);
  if (typeof cell === 'boolean') return { value: null, reasons: [{ code: 'contact_id_not_text', field }] };
  const { value: text, reasons } = readCell(cell, field);
  const id = toContactId(text);
  if (reasons.length > 0 || id === '') return { value: null, reasons };
  const wrong = textProblem(id, TEXT_RULES.id);
  return {
    value: id,
    reasons: wrong === null ? [] : [{ code: 'contact_id_invalid', field, message: wrong }],
  };
}

/** `vip;spring`, or a list of texts. */
function readTags(fields: Fields, { tags: column }: RecipientColumns): Part<readonly string[]> {
  const field = column ?? 'tags';
  const cell = readField(fields, column);
  const listed = Array.isArray(cell) ? (cell as readonly unknown[]) : null;
  if (listed?.some((each) => typeof each !== 'string'))
    return { value: [], reasons: [{ code: 'tags_not_texts', field, message: 'must be a list of texts' }] };
  const { value: text, reasons } = listed ? { value: '', reasons: [] } : readCell(cell, field);
  const tags = (listed ? (listed as readonly string[]) : text.split(';'))
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const wrong = tags.map((tag) => textProblem(tag, TEXT_RULES.name)).find((each) => each !== null);
  return {
    value: tags,
    reasons: wrong === undefined ? reasons : [{ code: 'tag_invalid', field, message: wrong }],
  };
}
