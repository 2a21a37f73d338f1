/**
 * Everything that was applied, in order: fault tests compare the ledger with it. Kept in memory and, if a path is given,
 * in a file, from which a restarted simulator restores its state.
 */
import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import type { Family } from '../cxone/families.wire.ts';

/** One record of a contact list. */
export interface JournalItem {
  readonly recordId: string;
  readonly contactId: string;
  readonly phones: readonly string[];
}
/** The fields that entries of every family have. */
interface Common {
  readonly family: Family;
  /** `seed`: by the admin API; `edit`: by a third party who edits a campaign. */
  readonly action: 'create' | 'update' | 'seed' | 'edit';
  readonly requestId: string | null;
  /** Only for records of contact lists and items of campaign lists. */
  readonly listId?: string;
}
/** One applied request. Its items are numbered from `firstN`; they are the objects of the state, to save memory. */
interface Batch extends Applied {
  readonly firstN: number;
  readonly atMs: number;
}
/** One request to be recorded; the shape of its items depends on the family. */
export interface Applied extends Common {
  readonly items: readonly object[];
}
export type Entry<Item extends object> = Common &
  Item & {
    readonly n: number;
    /** ISO 8601 */
    readonly at: string;
  };
/** An entry of a contact list; the other families define their own. */
export type JournalEntry = Entry<JournalItem> & { readonly listId: string };
type AnyEntry = Entry<object>;
export interface JournalQuery {
  readonly family?: string | undefined;
  readonly list?: string | undefined;
  /** The first `n` to return. */
  readonly from: number;
  readonly limit: number;
}

export function createJournal(path: string | null, nowMs: () => number) {
  const batches: Batch[] = [];
  let nextN = 1;
  let file: number | null = null;

  const add = (applied: Applied, atMs: number): Batch => {
    const batch = { ...applied, firstN: nextN, atMs };
    batches.push(batch);
    nextN += applied.items.length;
    return batch;
  };
  return {
    /** The number of entries. */
    size: () => nextN - 1,
    /** The number of the next entry. */
    nextN: () => nextN,
    /** Written before the answer is sent, so that whatever a client has seen survives kill -9 (but not a power failure). */
    append(applied: Applied): void {
      if (applied.items.length === 0) return;
      const batch = add(applied, nowMs());
      if (file !== null)
        writeSync(
          file,
          toEntries(batch)
            .map((entry) => `${JSON.stringify(entry)}\n`)
            .join(''),
        );
    },
    /** Reads the existing file, passing each entry to `onEntry`, and opens it for appending. */
    async open(onEntry: (entry: AnyEntry) => void): Promise<void> {
      if (path === null) return;
      if (existsSync(path)) {
        for await (const entry of readEntries(path)) {
          nextN = entry.n;
          const { n: _n, at, family, action, listId, requestId, ...item } = entry;
          const list = listId === undefined ? {} : { listId };
          add({ family, action, ...list, requestId, items: [item] }, Date.parse(at));
          onEntry(entry);
        }
      }
      file = openSync(path, 'a');
    },
    query({ family, list, from, limit }: JournalQuery): AnyEntry[] {
      const found: AnyEntry[] = [];
      for (let i = firstBatchFrom(batches, from); i < batches.length && found.length < limit; i += 1) {
        const batch = batches[i] as Batch;
        const isWanted = (family ?? batch.family) === batch.family && (list ?? batch.listId) === batch.listId;
        if (isWanted) found.push(...toEntries(batch).filter((entry) => entry.n >= from));
      }
      return found.slice(0, limit);
    },
    close(): void {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}
export type Journal = ReturnType<typeof createJournal>;

function toEntries({ items, firstN, atMs, ...applied }: Batch): AnyEntry[] {
  const at = new Date(atMs).toISOString();
  return items.map((item, i) => ({ n: firstN + i, at, ...applied, ...item }));
}

/** The index of the batch that contains n, or of the first one after n. */
function firstBatchFrom(batches: readonly Batch[], n: number): number {
  let [low, high] = [0, batches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const batch = batches[middle] as Batch;
    if (batch.firstN + batch.items.length <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Removes an incomplete last line: the process was killed while writing it, so its request was never answered. Errors:
 * any other unreadable line.
 */
async function* readEntries(path: string): AsyncGenerator<AnyEntry> {
  let bytes = 0;
  let torn: number | null = null;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (torn !== null)
      throw new Error(`${path} is not a journal of the simulator: unreadable at byte ${torn}`);
    const entry = parseEntry(line);
    if (entry === null) {
      torn = bytes;
      continue;
    }
    bytes += Buffer.byteLength(line) + 1;
    yield entry;
  }
  if (torn !== null) truncateSync(path, torn);
  // Only the line feed is missing.
  else if (statSync(path).size < bytes) appendFileSync(path, '\n');
}

function parseEntry(line: string): AnyEntry | null {
  try {
    return JSON.parse(line) as AnyEntry;
  } catch {
    return null;
  }
}
