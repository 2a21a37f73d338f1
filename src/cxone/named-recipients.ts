/** Matches what an answer says about single recipients to the recipients of the request. Pure. */
import { type AcceptedEntry, foldAddress, type NamedRecipientEntry } from './email.wire.ts';

/** What CXone calls a recipient that it has accepted. */
export interface AcceptedRecipient {
  /** Position in the request. */
  readonly index: number;
  readonly recipientId: string | null;
  readonly messageId: string | null;
}

export interface NamedRecipient {
  /** Position in the request. */
  readonly index: number;
  /** `UNSPECIFIED` if CXone returns none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
  readonly severity: 'warning' | 'error';
}

interface Entries {
  readonly warnings: readonly (string | NamedRecipientEntry)[];
  readonly errors: readonly (string | NamedRecipientEntry)[];
}

/** The positions of a folded address in the request. */
type Positions = ReadonlyMap<string, readonly number[]>;

/**
 * An entry belongs to the recipient at its index if its address, where given, agrees; without an index, to the only recipient
 * with its address. Other entries become notes, because blaming the wrong recipient would be worse.
 */
export function matchNamed({ warnings, errors }: Entries, addresses: readonly string[]) {
  const named: NamedRecipient[] = [];
  const notes: string[] = [];
  const positions = indexAddresses(addresses);
  const add = (entry: string | NamedRecipientEntry, severity: NamedRecipient['severity']): void => {
    const index = typeof entry === 'string' ? null : findIndex(entry, addresses, positions);
    if (typeof entry === 'string') notes.push(entry);
    else if (index === null) notes.push(entry.message ?? entry.code ?? 'an entry that matches no recipient');
    else {
      const { code, field, message } = entry;
      const texts = { code: code ?? 'UNSPECIFIED', field: field ?? null, message: message ?? null };
      named.push({ index, ...texts, severity });
    }
  };
  for (const entry of warnings) add(entry, 'warning');
  for (const entry of errors) add(entry, 'error');
  return { named, notes };
}

/** Ids of an address that no recipient has, or several, or that is named twice, belong to nobody. */
export function matchAccepted(
  entries: readonly (AcceptedEntry | null)[],
  addresses: readonly string[],
): AcceptedRecipient[] {
  const positions = indexAddresses(addresses);
  const found = new Map<number, AcceptedRecipient | null>();
  for (const entry of entries) {
    const index = entry === null ? null : onlyPosition(positions, entry.toAddress);
    if (entry === null || index === null) continue;
    const { recipientId, messageId } = entry;
    const isKnown = recipientId !== null || messageId !== null;
    found.set(index, isKnown && !found.has(index) ? { index, recipientId, messageId } : null);
  }
  return [...found.values()].filter((each) => each !== null).sort((a, b) => a.index - b.index);
}

function findIndex(
  { index, toAddress }: NamedRecipientEntry,
  addresses: readonly string[],
  positions: Positions,
): number | null {
  if (index == null) return toAddress == null ? null : onlyPosition(positions, toAddress);
  const address = addresses[index];
  const isOurs =
    address !== undefined && (toAddress == null || foldAddress(toAddress) === foldAddress(address));
  return isOurs ? index : null;
}

function onlyPosition(positions: Positions, address: string): number | null {
  const [only, ...more] = positions.get(foldAddress(address)) ?? [];
  return only === undefined || more.length > 0 ? null : only;
}

function indexAddresses(addresses: readonly string[]): Positions {
  const positions = new Map<string, number[]>();
  addresses.forEach((address, index) => {
    const key = foldAddress(address);
    const known = positions.get(key);
    if (known === undefined) positions.set(key, [index]);
    else known.push(index);
  });
  return positions;
}
