/**
 * What was applied, in order: the oracle of every fault test. In memory, and in a file if one is given; a simulator that is
 * started with the file of a killed one goes on from it.
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
import type { Family } from './families.ts';

/** Of a contact list. */
export interface JournalItem {
  readonly recordId: string;
  readonly contactId: string;
  readonly phones: readonly string[];
}
/** What every request that was applied has, whatever its family. */
interface Common {
  readonly family: Family;
  /** `seed`: put there by the admin API, by no request of the API; `edit`: by a third party of a campaign. */
  readonly action: 'create' | 'update' | 'seed' | 'edit';
  readonly requestId: string | null;
  /** Of contact lists. */
  readonly listId?: string;
}
/** One request that was applied; its items take the numbers from `firstN` on. Items are shared with the state: compact. */
interface Batch extends Applied {
  readonly firstN: number;
  readonly atMs: number;
}
/** Each family has items of its own shape. */
export interface Applied extends Common {
  readonly items: readonly object[];
}
export type EntryOf<Item extends object> = Common &
  Item & {
    readonly n: number;
    /** ISO 8601 */
    readonly at: string;
  };
/** Of a contact list; other families say which of their own. */
export type JournalEntry = EntryOf<JournalItem> & { readonly listId: string };
type AnyEntry = EntryOf<object>;
export interface JournalQuery {
  readonly family?: string | undefined;
  readonly list?: string | undefined;
  /** First n. */
  readonly from: number;
  readonly limit: number;
}

export function createJournal(path: string | null, nowMs: () => number) {
  const batches: Batch[] = [];
  let nextN = 1;
  let file: number | null = null;

  const remember = (applied: Applied, atMs: number): Batch => {
    const batch = { ...applied, firstN: nextN, atMs };
    batches.push(batch);
    nextN += applied.items.length;
    return batch;
  };
  return {
    /** Numbers given so far. */
    size: () => nextN - 1,
    /** Number of the next item. */
    nextN: () => nextN,
    /** Written before the answer leaves: what a client may have seen survives a kill -9 (not a power cut). */
    append(applied: Applied): void {
      if (applied.items.length === 0) return;
      const batch = remember(applied, nowMs());
      if (file !== null)
        writeSync(
          file,
          entriesOf(batch)
            .map((entry) => `${JSON.stringify(entry)}\n`)
            .join(''),
        );
    },
    /** Reads what an earlier one left, tells each entry, and opens the file for more. */
    async open(onEntry: (entry: AnyEntry) => void): Promise<void> {
      if (path === null) return;
      if (existsSync(path)) {
        for await (const entry of readEntries(path)) {
          nextN = entry.n;
          const { n: _n, at, family, action, listId, requestId, ...item } = entry;
          const list = listId === undefined ? {} : { listId };
          remember({ family, action, ...list, requestId, items: [item] }, Date.parse(at));
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
        if (isWanted) found.push(...entriesOf(batch).filter((entry) => entry.n >= from));
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

function entriesOf({ items, firstN, atMs, ...applied }: Batch): AnyEntry[] {
  const at = new Date(atMs).toISOString();
  return items.map((item, i) => ({ n: firstN + i, at, ...applied, ...item }));
}

/** Index of the batch that holds n, or of the first after it. */
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

/** A last line that a kill cut off was never answered: it is cut away. Errors: any other unreadable line. */
async function* readEntries(path: string): AsyncGenerator<AnyEntry> {
  let bytes = 0;
  let torn: number | null = null;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (torn !== null)
      throw new Error(`${path}: cannot be read at byte ${torn}: this is no journal of the simulator`);
    const entry = parseEntry(line);
    if (entry === null) {
      torn = bytes;
      continue;
    }
    bytes += Buffer.byteLength(line) + 1;
    yield entry;
  }
  if (torn !== null) truncateSync(path, torn);
  // Cut off between the line and its end.
  else if (statSync(path).size < bytes) appendFileSync(path, '\n');
}

function parseEntry(line: string): AnyEntry | null {
  try {
    return JSON.parse(line) as AnyEntry;
  } catch {
    return null;
  }
}
