/** What the recipients of an email will read. Pure. */
import { type EmailSendInput, messageOf } from '../../contract/email-send.ts';
import type { EmailMessage } from '../../domain/email-send/message.ts';
import type { Recipient } from '../../domain/email-send/recipients.ts';
import { maskRecipient, renderSample } from '../../domain/email-send/samples.ts';
import { maskValue } from '../../domain/mask.ts';
import type { SampleMessage } from './sample-messages.ts';

/** `hideValues`: for what is passed on to others; otherwise a person sees what the email says. */
export function sampleMessages(
  records: readonly unknown[],
  input: unknown,
  hideValues: boolean,
): readonly SampleMessage[] {
  const message = messageOf(input as EmailSendInput);
  return (records as readonly Recipient[]).map((recipient) => sampleOf(message, recipient, hideValues));
}

function sampleOf(message: EmailMessage, recipient: Recipient, hideValues: boolean): SampleMessage {
  const mergeFields = Object.entries(recipient.mergeFields).map(([name, value]) => [
    name,
    hideValues ? maskValue(value) : value,
  ]);
  const { toAddress, subject, preview } = renderSample(message, {
    ...recipient,
    mergeFields: Object.fromEntries(mergeFields) as Record<string, string>,
  });
  const fields = maskRecipient(recipient).filter(([name]) => name !== 'toAddress');
  return { to: toAddress, subject, body: preview, fields };
}
