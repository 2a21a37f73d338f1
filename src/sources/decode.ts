/** A source as UTF-8: what it is, looked up in its first block, and its bytes converted where they have to be. */
import { toBlocks } from './blocks.ts';
import { createDecoder, type Decoder, type SourceEncoding } from './encodings.ts';
import { checkText, emptySource, judgeFirstBlock } from './first-block.ts';

export interface DecodedSource {
  readonly encoding: SourceEncoding;
  /** UTF-8, once; of UTF-8 the bytes as they are, with their byte order mark. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Lets go of the source. Only needed by a reader that does not come to its end. */
  readonly close: () => Promise<void>;
}

export interface DecodeOptions {
  /** For messages. */
  readonly name: string;
  /** Default: UTF-8, or what a byte order mark says. */
  readonly encoding?: SourceEncoding | undefined;
}

/** Reads the first block. Throws SourceError for what is no text, and for an encoding that nobody named. */
export async function decodeSource(
  bytes: AsyncIterable<Uint8Array>,
  { name, encoding: given }: DecodeOptions,
): Promise<DecodedSource> {
  const blocks = toBlocks(bytes);
  const close = async (): Promise<void> => void (await blocks.return());
  try {
    const first = (await blocks.next()).value;
    if (first === undefined) throw emptySource(name);
    const { encoding, markBytes } = judgeFirstBlock(name, first, given);
    const decoder = createDecoder(encoding);
    if (decoder === null) {
      checkText(name, first.subarray(markBytes), false);
      return { encoding, bytes: asTheyAre(first, blocks), close };
    }
    const text = decoder.push(first.subarray(markBytes));
    checkText(name, text, true);
    return { encoding, bytes: converted(text, blocks, decoder), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Blocks = AsyncGenerator<Buffer, void, undefined>;

/** A reader that stops at the first block has not come to the loop that would let go of the others. */
async function* asTheyAre(first: Buffer, blocks: Blocks): Blocks {
  try {
    yield first;
    yield* blocks;
  } finally {
    await blocks.return();
  }
}

async function* converted(first: Buffer, blocks: Blocks, decoder: Decoder): Blocks {
  try {
    yield first;
    for await (const block of blocks) yield decoder.push(block);
    yield decoder.end();
  } finally {
    await blocks.return();
  }
}
