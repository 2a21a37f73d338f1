/** Samples of emails for a person to judge a plan by, as they will be read (docs/email-send.md#samples). Pure. */
import { toMailbox } from '../email-address.ts';
import { maskValue } from '../mask.ts';
import type { EmailMessage } from './message.ts';
import type { Recipient } from './recipients.ts';
import { mergeTemplate, parseTemplate } from './template.ts';

export interface EmailSample {
  /** Masked. */
  readonly toAddress: string;
  readonly subject: string;
  /** null: the message has none. */
  readonly preview: { readonly format: 'text' | 'html'; readonly content: string } | null;
}

/**
 * Subject and preview with the values of a recipient, each in one pass, so that a value is never expanded itself. They are shown,
 * because a person has to see what the email says, except for those that are an address. In HTML they are escaped.
 */
export function renderSample(
  { subject, preview }: Pick<EmailMessage, 'subject' | 'preview'>,
  { toAddress, mergeFields }: Pick<Recipient, 'toAddress' | 'mergeFields'>,
): EmailSample {
  const render = (text: string, toShown: (value: string) => string) =>
    mergeTemplate(parseTemplate(text), (name) =>
      // A field that is not declared stays as it is written, because nobody knows its value.
      Object.hasOwn(mergeFields, name) ? toShown(maskAddress(mergeFields[name] ?? '')) : `{{${name}}}`,
    );
  const isHtml = preview !== undefined && HTML.test(preview);
  return {
    toAddress: maskValue(toAddress),
    subject: render(subject, (value) => value),
    preview:
      preview === undefined
        ? null
        : {
            format: isHtml ? 'html' : 'text',
            content: render(preview, isHtml ? escapeHtml : (value) => value),
          },
  };
}

/** The fields of a recipient with their values hidden, by name. */
export function maskRecipient(recipient: Recipient): readonly (readonly [name: string, value: string])[] {
  const { contactId, toAddress, mergeFields, tags } = recipient;
  return [
    ...(contactId === null ? [] : [['contactId', maskValue(contactId)] as const]),
    ['toAddress', maskValue(toAddress)],
    ...Object.entries(mergeFields).map(([name, value]) => [name, maskValue(value)] as const),
    ...(tags.length === 0 ? [] : [['tags', tags.map(maskValue).join(';')] as const]),
  ];
}

const HTML = /<\/?[a-z][^<>]*>|<!/i;

const maskAddress = (value: string): string => (toMailbox(value) === null ? value : maskValue(value));

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (value: string): string =>
  value.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
