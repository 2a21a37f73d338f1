import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containsId } from '../../src/ledger/consent/contains-id.ts';

const ID = 'c1b2c3d4-0000-0000-0000-000000000001';

function inChunks(text: string, size: number): Readable {
  const bytes = Buffer.from(text);
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return Readable.from(parts);
}

describe('the search for an id in a dataset', () => {
  it('finds it across the boundaries of chunks, in any case, and only as a whole word (property)', async () => {
    const around = fc.constantFrom('', ',', '"', '\n', ' é ', '1', 'a', '-', '_');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('c1', 'crm-é.7', ID),
        around,
        around,
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        async (id, before, after, size, isUpper) => {
          const written = isUpper ? id.replace(/[a-z]/g, (letter) => letter.toUpperCase()) : id;
          const text = `${'x'.repeat(40)},${before}${written}${after},${'y'.repeat(40)}`;
          const isWord = !/[\w-]$/.test(before) && !/^[\w-]/.test(after);
          expect(await containsId(inChunks(text, size), id), text).toBe(isWord);
          expect(await containsId(inChunks(`${before}${written}`, size), id), 'at the end').toBe(
            !/[\w-]$/.test(before),
          );
        },
      ),
    );
  });

  it.each([String.raw`{"note":"old id:\n${ID}"}`, String.raw`{"note":"\u0009${ID}\u000a"}`])(
    'finds it after an escape of JSON: %s',
    async (text) => {
      for (let size = 1; size <= text.length; size += 1)
        expect(await containsId(inChunks(text, size), ID), `in chunks of ${size}`).toBe(true);
      expect(await containsId(inChunks(text.replace(ID, `x${ID}`), 7), ID)).toBe(false);
    },
  );
});
