/** `warnings` and `errors` of an answer → the records of the request that they speak of. Pure. */
import type { ContactRecord, NamedEntry } from './contact-lists.wire.ts';

export interface NamedRecord {
  /** Position in the request. */
  readonly index: number;
  /** As CXone names them, where it does. */
  readonly contactId: string | null;
  readonly recordId: string | null;
  /** `DUPLICATE` for a record that is in the list already; `UNSPECIFIED` where CXone gives none. */
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
 * An entry is believed if its index is one of the request's and its contactId, if any, is that record's. Otherwise the
 * contactId decides, if exactly one record has it; and what fits no record is a note: a wrong one must not be settled.
 */
export function nameRecords({ warnings, errors }: Entries, readRecords: () => readonly ContactRecord[]) {
  const named: NamedRecord[] = [];
  const notes: string[] = [];
  const isSilent = warnings.length + errors.length === 0;
  const records = isSilent ? [] : readRecords();
  const add = (entry: string | NamedEntry, severity: 'warning' | 'error'): void => {
    const index = typeof entry === 'string' ? null : indexOf(entry, records);
    if (typeof entry === 'string') notes.push(entry);
    else if (index === null) notes.push(entry.message ?? entry.code ?? 'an entry that names no record');
    else named.push(namedRecord(entry, index, severity));
  };
  for (const entry of warnings) add(entry, 'warning');
  for (const entry of errors) add(entry, 'error');
  return { named, notes };
}

function indexOf({ index, contactId }: NamedEntry, records: readonly ContactRecord[]): number | null {
  const record = index == null ? undefined : records[index];
  if (index != null && record !== undefined && (contactId == null || contactId === record.contactId))
    return index;
  if (contactId == null) return null;
  const first = records.findIndex((r) => r.contactId === contactId);
  const last = records.findLastIndex((r) => r.contactId === contactId);
  return first >= 0 && first === last ? first : null;
}

function namedRecord(entry: NamedEntry, index: number, severity: 'warning' | 'error'): NamedRecord {
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
