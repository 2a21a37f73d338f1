/** The rules of a message (docs/cxone-contract.md#send-a-message). Rejects unknown fields too, to expose typos. */
import { foldAddress, MAX_RECIPIENTS_PER_MESSAGE } from '../cxone/email.wire.ts';

export interface MessageError {
  /** Position of the recipient. Without it, the error is about the whole message. */
  readonly index?: number;
  readonly code: string;
  readonly field: string;
  readonly message: string;
}
type Report = (code: string, field: string, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ADDRESS = /^[^\s@,;<>]{1,64}@[^\s@,;<>.]+(\.[^\s@,;<>.]+)+$/;
const MAX_ADDRESS_CHARACTERS = 254;
const MAX_SUBJECT_CHARACTERS = 998;
const MESSAGE_FIELDS = new Set(['subject', 'templateId', 'senderAddress', 'recipients', 'tracking']);
const RECIPIENT_FIELDS = new Set(['toAddress', 'mergeFields', 'tags']);
const TRACKING_FIELDS = new Set(['enableOpens', 'enableClicks']);

export const isAddress = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_ADDRESS_CHARACTERS && ADDRESS.test(value);

/** @param blocked addresses that the tenant rejects */
export function messageErrors(body: unknown, blocked: readonly string[] = []): MessageError[] {
  if (!isObject(body)) return [{ code: 'NOT_AN_OBJECT', field: '', message: 'must be an object' }];
  const errors: MessageError[] = [];
  const report: Report = (code, field, message) => void errors.push({ code, field, message });
  checkEnvelope(body, report);
  const blockedMailboxes = new Set(blocked.map(foldAddress));
  const { recipients } = body;
  const max = MAX_RECIPIENTS_PER_MESSAGE;
  if (!Array.isArray(recipients) || recipients.length < 1 || recipients.length > max)
    report('RECIPIENTS_INVALID', 'recipients', `must be 1 to ${max} recipients`);
  else
    recipients.forEach((recipient: unknown, index) =>
      checkRecipient(
        recipient,
        blockedMailboxes,
        (code, field, message) => void errors.push({ index, code, field, message }),
      ),
    );
  return errors;
}

function checkEnvelope(fields: Fields, report: Report): void {
  const { subject, templateId, senderAddress, tracking } = fields;
  if (typeof subject !== 'string' || subject.length < 1 || [...subject].length > MAX_SUBJECT_CHARACTERS)
    report('SUBJECT_INVALID', 'subject', `must be 1 to ${MAX_SUBJECT_CHARACTERS} characters`);
  else if (/\p{Cc}/u.test(subject)) report('SUBJECT_INVALID', 'subject', 'must have no control characters');
  if (typeof templateId !== 'string' || !GUID.test(templateId))
    report('TEMPLATE_ID_INVALID', 'templateId', 'must be a GUID');
  if (!isAddress(senderAddress)) report('SENDER_INVALID', 'senderAddress', 'must be an address');
  rejectUnknown(fields, MESSAGE_FIELDS, report);
  if (tracking === undefined) return;
  const isValid = isObject(tracking) && Object.values(tracking).every((each) => typeof each === 'boolean');
  if (!isValid) report('TRACKING_INVALID', 'tracking', 'must be an object of booleans');
  else rejectUnknown(tracking, TRACKING_FIELDS, report);
}

function checkRecipient(recipient: unknown, blocked: ReadonlySet<string>, report: Report): void {
  if (!isObject(recipient)) {
    report('NOT_AN_OBJECT', '', 'must be an object');
    return;
  }
  const { toAddress, mergeFields = {}, tags = [] } = recipient;
  if (!isAddress(toAddress)) report('ADDRESS_INVALID', 'toAddress', 'must be one address');
  else if (blocked.has(foldAddress(toAddress)))
    report('ADDRESS_BLOCKED', 'toAddress', 'is inactive for this tenant');
  if (!isObject(mergeFields) || !Object.values(mergeFields).every(isText))
    report('MERGE_FIELDS_INVALID', 'mergeFields', 'must be an object of texts');
  if (!Array.isArray(tags) || !tags.every(isText)) report('TAGS_INVALID', 'tags', 'must be texts');
  rejectUnknown(recipient, RECIPIENT_FIELDS, report);
}

function rejectUnknown(fields: Fields, known: ReadonlySet<string>, report: Report): void {
  for (const field in fields) if (!known.has(field)) report('UNKNOWN_FIELD', field, 'is unknown');
}

const isText = (value: unknown): value is string => typeof value === 'string';

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
