/** The message of an email, as people write it and as it is sent (docs/email-send.md#the-message). Pure. */
import { type Check, checkObject, listOf, nonEmptyText, problem, repetitions } from '../checks.ts';
import type { ColumnMap } from '../columns.ts';
import { toGuid } from '../contact-id.ts';
import { readEmailAddress } from '../email-address.ts';
import type { Fields } from '../fields.ts';
import { isObject, type JsonProblem } from '../json.ts';
import { TEXT_RULES, textProblem } from '../text.ts';
import { type MergeField, mergeFieldsProblems, toMergeFields } from './merge-fields.ts';
import { placeholderProblems } from './placeholders.ts';
import { searchFields } from './provided-fields.ts';
import { subjectProblem } from './subject.ts';
import { bracesProblem, mergeTemplate, parseTemplate } from './template.ts';

/** As `readMessage` returns it. It may be read again, and is then the same. */
export interface EmailMessage {
  /** Merge fields as `{{name}}`, which CXone fills in. */
  readonly subject: string;
  /** A GUID in lower case. */
  readonly templateId: string;
  readonly senderAddress: string;
  /** Of every recipient, in addition to their own. */
  readonly tags?: readonly string[];
  /** Omitted: as CXone does it by default. */
  readonly tracking?: { readonly enableOpens: boolean; readonly enableClicks: boolean };
  /** What the template and the subject need. Omitted: every column is sent, and nothing is checked. */
  readonly mergeFields?: readonly MergeField[];
  /** What the template looks like, as text or HTML. For samples only; it is never sent. */
  readonly preview?: string;
}

/** As people write it. */
export interface MessageInput {
  /** 1 to 998 characters on one line. May use `{{name}}` of mergeFields. */
  readonly subject: string;
  /** The GUID of a template in CXone. */
  readonly templateId: string;
  /** One address, without a name. */
  readonly senderAddress: string;
  /** Of every recipient, in addition to their own. */
  readonly tags?: readonly string[];
  /** Omitted: as CXone does it by default. Given: what is missing in it is true. */
  readonly tracking?: { readonly enableOpens?: boolean; readonly enableClicks?: boolean };
  /** What the template and the subject need: `firstName|there` (name and fallback), or `plan`. Default: every column is sent. */
  readonly mergeFields?: readonly (string | { readonly name: string; readonly fallback?: string | null })[];
  /** What the template looks like, as text or HTML. For samples only; it is never sent. */
  readonly preview?: string;
}

type ReadMessage =
  | {
      readonly message: EmailMessage;
      /** Rows, if the message has the shape of the vendor's tutorial; null: it has none. */
      readonly recipients: readonly Fields[] | null;
    }
  | { readonly problems: readonly JsonProblem[] };

/**
 * The message, or every problem with it at once. Problems name positions, such as `message.subject`, and no values of recipients.
 * @param map for the recipients that are inside
 */
export function readMessage(value: unknown, path = 'message', map: ColumnMap = {}): ReadMessage {
  const problems = check({ ...CHECKS, recipients: checkRecipients }, value, path);
  if (problems.length > 0) return { problems };
  const { recipients = null, ...given } = value as MessageInput & { readonly recipients?: readonly Fields[] };
  const message = toMessage(given);
  if (recipients === null) return { message, recipients };
  const search = searchFields(message, map);
  for (const recipient of recipients) search.note(recipient);
  const missing = search.problems();
  return missing.length === 0
    ? { message, recipients }
    : { problems: missing.flatMap((each) => problem(`${path}.recipients`, `lack a field: ${each}`)) };
}

/** `message` of an input, which has no recipients. */
export function messageProblems(value: unknown, path: string): JsonProblem[] {
  return check(CHECKS, value, path);
}

function check(checks: Readonly<Record<string, Check>>, value: unknown, path: string): JsonProblem[] {
  const problems = checkObject(checks, ['subject', 'templateId', 'senderAddress'])(value, path);
  return isObject(value) ? [...problems, ...placeholderProblems(value, path)] : problems;
}

function toMessage({
  subject,
  templateId,
  senderAddress,
  tags,
  tracking,
  ...rest
}: MessageInput): EmailMessage {
  const sender = readEmailAddress(senderAddress);
  return {
    // A fallback of a place in the subject is the declared one, and CXone only knows the name.
    subject: mergeTemplate(parseTemplate(subject), (name) => `{{${name}}}`),
    templateId: toGuid(templateId) ?? templateId,
    senderAddress: 'address' in sender ? sender.address : senderAddress,
    ...(tags && { tags: tags.map((tag) => tag.trim()) }),
    ...(tracking && { tracking: { enableOpens: true, enableClicks: true, ...tracking } }),
    ...(rest.mergeFields && { mergeFields: toMergeFields(rest.mergeFields) }),
    ...(rest.preview !== undefined && { preview: rest.preview }),
  };
}

/** More than anybody needs, and little enough to be part of a run's input. */
const MAX_TAGS = 50;

const checkSubject: Check = (value, path) => {
  if (typeof value !== 'string') return problem(path, 'must be a text');
  const wrong = subjectProblem(value) ?? bracesProblem(parseTemplate(value));
  return wrong === null ? [] : problem(path, wrong);
};

const checkTemplateId: Check = (value, path) =>
  typeof value === 'string' && toGuid(value) !== null
    ? []
    : problem(path, 'must be the GUID of a template in CXone, e.g. 3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23');

const checkSender: Check = (value, path) => {
  const read = readEmailAddress(typeof value === 'string' ? value : '');
  return 'reason' in read ? problem(path, read.reason.message) : [];
};

const checkTags: Check = (value, path) => {
  const problems = listOf(checkTag, MAX_TAGS)(value, path);
  return problems.length > 0 || !Array.isArray(value) ? problems : repetitions(value, path);
};

const checkTag: Check = (value, path) =>
  typeof value === 'string' && /\{\{|\}\}/.test(value)
    ? problem(path, 'must not have {{ or }}, because nothing is merged into a tag')
    : nonEmptyText('must be a text that is not blank')(value, path);

const checkFlag: Check = (value, path) =>
  typeof value === 'boolean' ? [] : problem(path, 'must be true or false');

const checkPreview: Check = (value, path) => {
  if (typeof value !== 'string') return problem(path, 'must be a text');
  const wrong = textProblem(value, TEXT_RULES.preview);
  return wrong === null ? [] : problem(path, wrong);
};

const CHECKS: Readonly<Record<string, Check>> = {
  subject: checkSubject,
  templateId: checkTemplateId,
  senderAddress: checkSender,
  tags: checkTags,
  tracking: checkObject({ enableOpens: checkFlag, enableClicks: checkFlag }, []),
  mergeFields: mergeFieldsProblems,
  preview: checkPreview,
};

const checkRecipients: Check = (value, path) => {
  if (!Array.isArray(value) || value.length === 0) return problem(path, 'must be a list of recipients');
  const wrong = value.findIndex((each) => !isObject(each));
  return wrong < 0 ? [] : problem(`${path}[${wrong}]`, 'must be one JSON object');
};
