/** Our own suppression list, which gates check before every attempt at a write. */
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Withheld, WriteAttempt } from '../engine/definition.ts';

/** A record that names its contact. */
interface HasContactId {
  readonly contactId: string;
}

/** Records of people who objected to one of the channels, by `seq`. Errors of the ledger are thrown, so that nothing is sent. */
export async function findSuppressed(
  { suppressions }: Pick<Ledger, 'suppressions'>,
  attempt: WriteAttempt,
  channels: readonly Channel[],
): Promise<Map<number, Withheld>> {
  const withheld = new Map<number, Withheld>();
  // The records are parsed on first access, which the common case of an empty list does not need.
  if (await suppressions.isEmpty()) return withheld;
  const people = attempt.records.map(({ seq, record }) => ({
    seq,
    contactId: (record as HasContactId).contactId,
  }));
  const found = await suppressions.find(
    people.map(({ contactId }) => contactId),
    channels,
  );
  const suppressed = new Set(found.map(({ contactId }) => contactId));
  const reasons = [{ code: 'suppressed', message: 'on our own suppression list' }];
  for (const { seq, contactId } of people)
    if (suppressed.has(contactId)) withheld.set(seq, { outcome: 'suppressed', reasons });
  return withheld;
}
