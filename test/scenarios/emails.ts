/** Small sources of made-up recipients for email sends, and what the scenarios ask about a run. */
import type { EmailSendInput, EmailSendResult } from '../../src/contract/email-send.ts';
import type { Reason, RunState } from '../../src/domain/run.ts';
import type { AcceptedEmail } from '../../src/simulator/email.admin-client.ts';
import { type Stand, until } from './stand.ts';

export interface RecipientRow {
  readonly contactId?: string;
  readonly email: string;
  readonly firstName?: string;
}

export const guid = (n: number): string => `5e1f2a3b-4444-4000-8000-${String(n).padStart(12, '0')}`;
export const addressOf = (n: number): string => `p${n}@example.com`;

/** The same n is the same person in every source. */
export const recipients = (from: number, to: number): RecipientRow[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    contactId: guid(from + i),
    email: addressOf(from + i),
    firstName: `Name ${from + i}`,
  }));

/** Messages with different templates are sent by different runs. */
export const messageOf = (template: number) => ({
  subject: 'News for {{firstName}}',
  templateId: `a1b2c3d4-e5f6-4890-abcd-${String(template).padStart(12, '0')}`,
  senderAddress: 'news@example.com',
  mergeFields: ['firstName|there'],
});

/** A job is done before it is polled for the first time. */
export const FAST_JOB = { queuedSeconds: 0, processingSeconds: 0 } as const;

export interface Sending extends Partial<Omit<EmailSendInput, 'message' | 'source'>> {
  /** Default 1. */
  readonly template?: number;
}

/** Without looking consent up, unless the input says otherwise. */
export async function startSending(
  { client }: Stand,
  rows: readonly object[],
  { template = 1, ...input }: Sending = {},
): Promise<string> {
  const { source } = await client.stageRows(rows);
  const message = messageOf(template);
  const { runId } = await client.startEmailSend({ message, source, channelConsent: 'ignore', ...input });
  return runId;
}

/** To the end. */
export async function send(stand: Stand, rows: readonly object[], input?: Sending): Promise<EmailSendResult> {
  return stand.client.result<EmailSendResult>(await startSending(stand, rows, input));
}

/** Line by line: outcome and codes of the reasons, e.g. `suppressed suppressed_by_cxone`. */
export async function outcomesOf({ client }: Stand, runId: string): Promise<string[]> {
  const { run_no } = await client.ledger.runs.get(runId);
  const found: string[] = [];
  for await (const { outcome, reasons } of client.ledger.records.list(run_no))
    found.push([outcome, ...(reasons ?? []).map(({ code }: Reason) => code)].join(' '));
  return found;
}

/** The messages of a recipient (by its place in the source, from 1), the oldest first: `bounced soft`. */
export async function messagesOf({ client }: Stand, runId: string, seq: number): Promise<string[]> {
  const { run_no } = await client.ledger.runs.get(runId);
  const messages = await client.ledger.emails.timeline(run_no, seq);
  return messages.map(({ state, bounceClass }) => [state, ...(bounceClass ? [bounceClass] : [])].join(' '));
}

/** Addresses of what CXone has accepted with this template, in order. */
export async function acceptedBy({ admin }: Stand, template = 1): Promise<string[]> {
  const { templateId } = messageOf(template);
  const accepted: AcceptedEmail[] = await admin.acceptedEmails();
  return accepted.filter((email) => email.templateId === templateId).map(({ toAddress }) => toAddress);
}

export async function inPhase({ client }: Stand, runId: string, phase: string): Promise<void> {
  await until(
    () => client.ledger.runs.find(runId),
    (run) => run?.phase === phase,
  );
}

export async function inState({ client }: Stand, runId: string, state: RunState): Promise<void> {
  await until(
    () => client.ledger.runs.find(runId),
    (run) => run?.state === state,
  );
}
