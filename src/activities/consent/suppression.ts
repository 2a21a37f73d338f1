/** Our own suppression list, which gates check before every attempt at a write. */
import type { Channel } from '../../domain/consent/eligibility.ts';
import { nameOfIdentifier, valueOfIdentifier } from '../../domain/identifiers.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Withheld } from '../engine/write-definition.ts';

/** A list of telephone numbers must not have anybody who objected to calls or texts, whatever else is required. */
export const TELEPHONE_CHANNELS: readonly Channel[] = ['voice', 'sms'];

export const SUPPRESSED: Reason = { code: 'suppressed', message: 'on our own suppression list' };

/** Somebody whom a record would contact, by one of the texts that say who it is. */
export interface Person {
  readonly seq: number;
  /** A contact id; or an address or a number, which some contacts have as their id, and the list has entries about. */
  readonly contactId: string;
  /** What it is, if it is not the id of the contact, e.g. `phone number`. */
  readonly field?: string;
}

/** Everybody whom a record names: by its contact id, and by every number and address in its other values. */
export function listPeople(
  seq: number,
  contactId: string | undefined,
  identifiers: readonly string[],
): Person[] {
  // As it is written: the list brings an id into the form it compares by itself, and doing so twice may lead to another one.
  const byId = contactId === undefined ? [] : [{ seq, contactId }];
  const others = identifiers.map((identifier) => ({
    ...{ seq, contactId: valueOfIdentifier(identifier), field: nameOfIdentifier(identifier) },
  }));
  return [...byId, ...others];
}

/**
 * Records with people who objected to one of the channels, by `seq`. `listAll` is called only if anybody has. Errors of the
 * ledger are thrown, so that nothing is sent.
 */
export async function findSuppressed(
  { suppressions }: Pick<Ledger, 'suppressions'>,
  listAll: () => readonly Person[],
  channels: readonly Channel[],
): Promise<Map<number, Withheld>> {
  const withheld = new Map<number, Withheld>();
  if (await suppressions.isEmpty()) return withheld;
  const people = listAll();
  const found = await suppressions.find(
    people.map(({ contactId }) => contactId),
    channels,
  );
  const suppressed = new Set(found.map(({ contactId }) => contactId));
  for (const { seq, contactId, field } of people) {
    if (!suppressed.has(contactId) || withheld.has(seq)) continue;
    const reason = field === undefined ? SUPPRESSED : { ...SUPPRESSED, field };
    withheld.set(seq, { outcome: 'suppressed', reasons: [reason] });
  }
  return withheld;
}
