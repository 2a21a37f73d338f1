/** Recipients of a write, and which of them our own suppression list keeps from being sent anything. */

import { toMailbox } from '../../domain/email-address.ts';
import type { Recipient } from '../../domain/email-send/recipients.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import { SUPPRESSED } from '../consent/suppression.ts';
import type { Withheld, WriteAttempt } from '../engine/write-definition.ts';
import { refsOf } from './refs.ts';

/** Its delivery was reported after the next message was planned. */
const DELIVERED: Withheld = { outcome: 'sent', reasons: [{ code: 'delivered_after_all' }] };

export const recipientOf = ({ record }: PendingRecord): Recipient => record as Recipient;

/** Staging has accepted the address, so it has a mailbox. */
export const mailboxOf = (record: PendingRecord): string => toMailbox(recipientOf(record).toAddress) ?? '';

/**
 * By seq: people who have objected to email, addresses to which no message can be delivered, and those to whom an earlier message
 * was delivered after all. Errors of the ledger are thrown, so that nothing is sent.
 */
export async function findObjections(
  { suppressions, emails }: Pick<Ledger, 'suppressions' | 'emails'>,
  attempt: WriteAttempt,
): Promise<Map<number, Withheld>> {
  const isRetry = refsOf(attempt).attempt !== undefined;
  const delivered = isRetry ? await emails.findDelivered(attempt.run.run_no, attempt.seqs) : [];
  const withheld = new Map<number, Withheld>([...delivered].map((seq) => [seq, DELIVERED]));
  if (await suppressions.isEmpty()) return withheld;
  for (const [seq, { evidence }] of await findOwnEntries({ suppressions }, attempt.records))
    withheld.set(seq, {
      outcome: 'suppressed',
      reasons: [SUPPRESSED],
      ...(evidence !== undefined && { evidence }),
    });
  return withheld;
}

/** What our own list has about a recipient. */
interface OwnEntry {
  readonly reason: string;
  /** Of an entry about the address. */
  readonly evidence?: string;
}

/** By seq: an entry about the person, or else one about the address. One statement for each of the two. */
export async function findOwnEntries(
  { suppressions }: Pick<Ledger, 'suppressions'>,
  records: readonly PendingRecord[],
): Promise<Map<number, OwnEntry>> {
  const contactIds = records.flatMap((record) => recipientOf(record).contactId ?? []);
  const [people, addresses] = await Promise.all([
    suppressions.find(contactIds, ['email']),
    suppressions.findAddresses(records.map(mailboxOf)),
  ]);
  const byContact = new Map(people.map((person) => [person.contactId, person]));
  const byMailbox = new Map(addresses.map((address) => [address.mailbox, address]));
  const entries = new Map<number, OwnEntry>();
  for (const record of records) {
    const { contactId } = recipientOf(record);
    const person = contactId === null ? undefined : byContact.get(contactId);
    const address = byMailbox.get(mailboxOf(record));
    if (person) entries.set(record.seq, { reason: person.reason });
    else if (address) {
      const { reason, code, since } = address;
      const evidence = [reason, code, since.toISOString()].filter((each) => each !== null).join(' ');
      entries.set(record.seq, { reason, evidence });
    }
  }
  return entries;
}
