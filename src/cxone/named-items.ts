/** Matches the entries of an answer to the items of the request. Pure. */

import type { z } from 'zod';
import type { ITEMS_ANSWER, NamedItemEntry } from './lists.wire.ts';

export interface NamedItem {
  /** Position in the request. */
  readonly index: number;
  /** `DUPLICATE` for an item whose key the list already has; `UNSPECIFIED` if CXone returns none. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string | null;
  readonly severity: 'warning' | 'error';
}

type Entries = Pick<z.infer<typeof ITEMS_ANSWER>, 'conflicts' | 'warnings' | 'errors'>;

/** Entries without the index of an item of the request become notes, because blaming the wrong item would be worse. */
export function matchItems({ conflicts, warnings, errors }: Entries, count: number) {
  const named: NamedItem[] = [];
  const notes: string[] = [];
  const add = (entry: string | NamedItemEntry, severity: NamedItem['severity'], fallback: string): void => {
    if (typeof entry === 'string') {
      notes.push(entry);
      return;
    }
    const { index, code, field, message } = entry;
    const isOurs = index != null && Number.isInteger(index) && index >= 0 && index < count;
    if (!isOurs) notes.push(message ?? code ?? 'an entry that matches no item');
    else
      named.push({ index, code: code ?? fallback, field: field ?? null, message: message ?? null, severity });
  };
  for (const entry of conflicts) add(entry, 'warning', 'DUPLICATE');
  for (const entry of warnings) add(entry, 'warning', 'UNSPECIFIED');
  for (const entry of errors) add(entry, 'error', 'UNSPECIFIED');
  return { named, notes };
}
