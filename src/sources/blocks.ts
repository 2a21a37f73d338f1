/** The largest block, whatever the producer delivers. The checks of a source look at its first block. */
export const BLOCK_BYTES = 65_536;

/**
 * The same bytes in blocks of at most BLOCK_BYTES. The first block is full unless the source is shorter, so that the
 * result of the checks does not depend on how the bytes arrived.
 */
export async function* toBlocks(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let first: Buffer[] | null = [];
  let size = 0;
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (first === null) {
      yield* slices(buffer);
      continue;
    }
    first.push(buffer);
    size += buffer.length;
    if (size < BLOCK_BYTES) continue;
    const held = Buffer.concat(first);
    first = null;
    yield* slices(held);
  }
  if (first !== null && size > 0) yield Buffer.concat(first);
}

function* slices(buffer: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < buffer.length; at += BLOCK_BYTES) yield buffer.subarray(at, at + BLOCK_BYTES);
}
