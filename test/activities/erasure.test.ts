import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { containsId } from '../../src/activities/consent/erasure.ts';

const ID = 'c1b2c3d4-0000-0000-0000-000000000001';

function inChunks(text: string, size: number): Readable {
  const bytes = Buffer.from(text);
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return Readable.from(parts);
}

it.each([String.raw`{"note":"old id:\n${ID}"}`, String.raw`{"note":"\u0009${ID}\u000a"}`])(
  'a file names somebody behind an escape of JSON too, wherever it is cut: %s',
  async (text) => {
    for (let size = 1; size <= text.length; size += 1)
      expect(await containsId(inChunks(text, size), ID), `in chunks of ${size}`).toBe(true);
    expect(await containsId(inChunks(text.replace(ID, `x${ID}`), 7), ID)).toBe(false);
  },
);
