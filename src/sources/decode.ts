/** Converts a source to UTF-8, from the encoding that its first block shows. */
import { toBlocks } from './blocks.ts';
import { createDecoder, type Decoder, type SourceEncoding } from './encodings.ts';
import { checkText, detectEncoding, emptySource } from './first-block.ts';

export interface DecodedSource {
  readonly encoding: SourceEncoding;
  /** UTF-8, readable once. A source in UTF-8 is passed on unchanged, including its byte order mark. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Releases the source. Only needed if it is not read to the end. */
  readonly close: () => Promise<void>;
}

export interface DecodeOptions {
  /** For messages. */
  readonly name: string;
  /** Default: that of the byte order mark, else UTF-8. */
  readonly encoding?: SourceEncoding | undefined;
}

/** Reads the first block. Throws SourceError if it is not text, or in another encoding than the one given. */
export async function decodeSource(
  bytes: AsyncIterable<Uint8Array>,
  { name, encoding: given }: DecodeOptions,
): Promise<DecodedSource> {
  const blocks = toBlocks(bytes);
  const close = async (): Promise<void> => void (await blocks.return());
  try {
    const first = (await blocks.next()).value;
    if (first === undefined) throw emptySource(name);
    const { encoding, markBytes } = detectEncoding(name, first, given);
    const decoder = createDecoder(encoding);
    if (decoder === null) {
      checkText(name, first.subarray(markBytes), false);
      return { encoding, bytes: passOn(first, blocks), close };
    }
    const text = decoder.push(first.subarray(markBytes));
    checkText(name, text, true);
    return { encoding, bytes: convert(text, blocks, decoder), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Blocks = AsyncGenerator<Buffer, void, undefined>;

/** `yield*` releases the blocks only if the reader got that far, hence the finally block. */
async function* passOn(first: Buffer, blocks: Blocks): Blocks {
  try {
    yield first;
    yield* blocks;
  } finally {
    await blocks.return();
  }
}

async function* convert(first: Buffer, blocks: Blocks, decoder: Decoder): Blocks {
  try {
    yield first;
    for await (const block of blocks) yield decoder.push(block);
    yield decoder.end();
  } finally {
    await blocks.return();
  }
}
