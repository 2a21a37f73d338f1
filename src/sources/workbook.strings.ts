/**
 * The texts that cells share. Most texts of a workbook are there, millions in a large one, and cells refer to them by number.
 * They are kept in blocks: in memory as long as they are few, beyond that in a file that has no name any more, so that nothing is
 * left of it whatever happens to this process.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';

/** A block ends with the text that reaches one of these. */
const BLOCK_TEXTS = 512;
const BLOCK_CHARACTERS = 65_536;
/** Few, because texts are used soon after each other: what lives longer is collected late, and memory grows. */
const CACHED_CHARACTERS = 500_000;
/** More than that is written to a file. */
const MEMORY_BYTES = 16_000_000;

interface Block {
  readonly first: number;
  /** null: in the file, from `position`. */
  bytes: Buffer | null;
  position: number;
  readonly length: number;
}

export class SharedStrings {
  readonly #memoryBytes: number;
  readonly #blocks: Block[] = [];
  readonly #cache = new LRUCache<number, readonly string[]>({
    maxSize: CACHED_CHARACTERS,
    maxEntrySize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: (texts) => texts.reduce((sum, text) => sum + text.length + 1, 0),
  });
  #open: string[] = [];
  #openCharacters = 0;
  #count = 0;
  #size = 0;
  #file: number | null = null;
  #fileSize = 0;
  /** For blocks that are read; one each would be garbage that is collected late. */
  #scratch = Buffer.alloc(0);

  constructor(memoryBytes = MEMORY_BYTES) {
    this.#memoryBytes = memoryBytes;
  }

  /** The texts get the numbers 0, 1, 2, … */
  add(text: string): void {
    this.#open.push(text);
    this.#count += 1;
    this.#openCharacters += text.length;
    if (this.#open.length >= BLOCK_TEXTS || this.#openCharacters >= BLOCK_CHARACTERS) this.#endBlock();
  }

  /** undefined: there is no text with this number. */
  get(index: number): string | undefined {
    if (!(index >= 0 && index < this.#count)) return undefined;
    const firstOpen = this.#count - this.#open.length;
    if (index >= firstOpen) return this.#open[index - firstOpen];
    const at = this.#findBlock(index);
    return this.#readBlock(at)[index - (this.#blocks[at]?.first ?? 0)];
  }

  /** Whether some are in a file. */
  get isSpilled(): boolean {
    return this.#file !== null;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    this.#count = 0;
  }

  #endBlock(): void {
    const bytes = Buffer.from(JSON.stringify(this.#open));
    const first = this.#count - this.#open.length;
    this.#blocks.push({ first, bytes, position: 0, length: bytes.length });
    this.#open = [];
    this.#openCharacters = 0;
    this.#size += bytes.length;
    if (this.#size > this.#memoryBytes) this.#spill();
  }

  #spill(): void {
    this.#file ??= openUnnamedFile();
    for (const block of this.#blocks) {
      if (block.bytes === null) continue;
      for (let done = 0; done < block.length; )
        done += writeSync(this.#file, block.bytes, done, block.length - done, this.#fileSize + done);
      block.position = this.#fileSize;
      block.bytes = null;
      this.#fileSize += block.length;
    }
    // Later blocks are written one by one.
    this.#size = this.#memoryBytes;
  }

  #findBlock(index: number): number {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #readBlock(at: number): readonly string[] {
    const cached = this.#cache.get(at);
    if (cached) return cached;
    const block = this.#blocks[at];
    const texts = block ? (JSON.parse(this.#textOf(block)) as readonly string[]) : [];
    this.#cache.set(at, texts);
    return texts;
  }

  #textOf(block: Block): string {
    if (block.bytes !== null) return block.bytes.toString();
    if (this.#scratch.length < block.length) this.#scratch = Buffer.alloc(2 * block.length);
    for (let done = 0; done < block.length; ) {
      const read = readSync(
        this.#file ?? -1,
        this.#scratch,
        done,
        block.length - done,
        block.position + done,
      );
      if (read === 0) throw new Error('the temporary file of shared texts is incomplete');
      done += read;
    }
    return this.#scratch.toString('utf8', 0, block.length);
  }
}

/** Only this process can read it, and it is gone as soon as it is closed. */
function openUnnamedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'cxflow-workbook-'));
  try {
    return openSync(join(folder, 'texts'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
