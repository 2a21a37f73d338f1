/** Takes a stream apart into lists that fit into memory. */

interface ChunkLimits<T> {
  readonly items: number;
  readonly weight?: number;
  readonly weigh?: (item: T) => number;
}

export async function* inChunks<T>(
  items: AsyncIterable<T>,
  { items: maxItems, weight: maxWeight = Infinity, weigh = () => 0 }: ChunkLimits<T>,
): AsyncIterable<T[]> {
  let chunk: T[] = [];
  let weight = 0;
  try {
    for await (const item of items) {
      chunk.push(item);
      weight += weigh(item);
      if (chunk.length < maxItems && weight < maxWeight) continue;
      yield chunk;
      chunk = [];
      weight = 0;
    }
  } catch (error) {
    // What was read before the source became unreadable may contain objections.
    if (chunk.length > 0) yield chunk;
    throw error;
  }
  if (chunk.length > 0) yield chunk;
}
