/** How many bytes are kept of a row that is too large, so that reports can show which row it was. */
const KEPT_BYTES = 40_000;

/** The part of a row that came in earlier blocks: never more than `maxBytes` and one block. */
export class RowBuffer {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(part: Buffer): void {
    if (part.length === 0) return;
    const wasTooLarge = this.#size > this.#maxBytes;
    this.#size += part.length;
    if (this.#size <= this.#maxBytes) this.#parts.push(part);
    else if (!wasTooLarge) this.#parts = [Buffer.concat([...this.#parts, part]).subarray(0, KEPT_BYTES)];
  }

  /** The whole row, or the beginning of one that is too large. Empties the buffer. */
  take(rest: Buffer): { readonly bytes: Buffer; readonly isTooLarge: boolean } {
    const isTooLarge = this.#size + rest.length > this.#maxBytes;
    const bytes = this.#parts.length === 0 ? rest : Buffer.concat([...this.#parts, rest]);
    this.#parts = [];
    this.#size = 0;
    return { bytes: isTooLarge ? bytes.subarray(0, KEPT_BYTES) : bytes, isTooLarge };
  }
}
