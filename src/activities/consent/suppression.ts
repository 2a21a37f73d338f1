/** Our own suppression list, which gates check before every attempt at a write. */
import type { Channel } from '../../domain/consent/eligibility.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Withheld } from '../engine/write-definition.ts';

/** A list of telephone numbers must not have anybody who objected to calls or texts, whatever else is required. */
export const TELEPHONE_CHANNELS: readonly Channel[] = ['voice', 'sms'];

export const SUPPRESSED: Reason = { code: 'suppressed', message: 'on our own suppression list' };

/** Somebody whom a record would contact. */
export interface Person {
  readonly seq: number;
  readonly contactId: string;
}

/**
 * Records with people who objected to one of the channels, by `seq`. `listPeople` is called only if anybody has. Errors of the
 * ledger are thrown, so that nothing is sent.
 */
export async function findSuppressed(
  { suppressions }: Pick<Ledger, 'suppressions'>,
  listPeople: () => readonly Person[],
  channels: readonly Channel[],
): Promise<Map<number, Withheld>> {
  const withheld = new Map<number, Withheld>();
  if (await suppressions.isEmpty()) return withheld;
  const people = listPeople();
  const found = await suppressions.find(
    people.map(({ contactId }) => contactId),
    channels,
  );
  const suppressed = new Set(found.map(({ contactId }) => contactId));
  for (const { seq, contactId } of people)
    if (suppressed.has(contactId)) withheld.set(seq, { outcome: 'suppressed', reasons: [SUPPRESSED] });
  return withheld;
}
