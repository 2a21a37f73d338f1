/** Matches the `warnings` and `errors` of an answer to the records of the request. Pure. */
import type { ContactRecord, NamedEntry } from './contact-lists.wire.ts';

export interface NamedRecord {
  /** Position in the request. */
  readonly index: number;
  /** As CXone returns them, if it does. */
  readonly contactId: string | null;
  readonly recordId: string | null;
  /** `DUPLICATE` for a record that the list already has; `UNSPECIFIED` if CXone returns none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
  readonly severity: 'warning' | 'error';
}

interface Entries {
  readonly warnings: readonly (string | NamedEntry)[];
  readonly errors: readonly (string | NamedEntry)[];
}

/**
 * An entry belongs to the record at its index if its contactId, where given, agrees. Otherwise it belongs to the record
 * with its contactId, if there is exactly one. Other entries become notes, because blaming the wrong record would be worse.
 * @param readRecords called only if there are entries
 */
export function matchRecords({ warnings, errors }: Entries, readRecords: () => readonly ContactRecord[]) {
  const named: NamedRecord[] = [];
  const notes: string[] = [];
  const records = warnings.length + errors.length === 0 ? [] : readRecords();
  const add = (entry: string | NamedEntry, severity: 'warning' | 'error'): void => {
    const index = typeof entry === 'string' ? null : findIndex(entry, records);
    if (typeof entry === 'string') notes.push(entry);
    else if (index === null) notes.push(entry.message ?? entry.code ?? 'an entry that matches no record');
    else named.push(toNamedRecord(entry, index, severity));
  };
  for (const entry of warnings) add(entry, 'warning');
  for (const entry of errors) add(entry, 'error');
  return { named, notes };
}

/** The entries of an answer about a single record, texts included: whatever they name, nothing else was sent. */
export function aboutOne({ warnings, errors }: Entries): NamedRecord[] {
  const read = (severity: NamedRecord['severity']) => (entry: string | NamedEntry) =>
    toNamedRecord(typeof entry === 'string' ? { message: entry } : entry, 0, severity);
  return [...errors.map(read('error')), ...warnings.map(read('warning'))];
}

function findIndex({ index, contactId }: NamedEntry, records: readonly ContactRecord[]): number | null {
  const record = index == null ? undefined : records[index];
  if (index != null && record !== undefined && (contactId == null || contactId === record.contactId))
    return index;
  if (contactId == null) return null;
  const first = records.findIndex((r) => r.contactId === contactId);
  const last = records.findLastIndex((r) => r.contactId === contactId);
  return first >= 0 && first === last ? first : null;
}

function toNamedRecord(entry: NamedEntry, index: number, severity: 'warning' | 'error'): NamedRecord {
  return {
    index,
    contactId: entry.contactId ?? null,
    recordId: entry.recordId ?? null,
    code: entry.code ?? 'UNSPECIFIED',
    field: entry.field ?? null,
    message: entry.message ?? null,
    severity,
  };
}
