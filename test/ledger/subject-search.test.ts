import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSubjectSearch } from '../../src/ledger/consent/subject-search.ts';
import { createWordFilter } from '../../src/ledger/words.ts';
import { mayName } from './filters.ts';

const ID = 'c1b2c3d4-0000-0000-0000-000000000001';

const containsId = (chunks: Readable, id: string) => createSubjectSearch(id).isNamedInBytes(chunks);

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

/** An id, and how it is written elsewhere. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ['crm-é.7', 'CRM-E\u0301.7'],
  ['crm-é.7', String.raw`{"id":"crm-\u00e9.7"}`],
  ['crm-é.7', String.raw`{"id":"crm-e\u0301.7"}`],
  ['c1-77', '\ufeffc1\u200b-\u00ad77\u200e'],
  ['c1-77', String.raw`{"id":"c1\u200b-\u202A77\u202c"}`],
  ['anna smith', 'Anna\u00a0Smith'],
  ['ann+x@example.com', String.raw`{"to":"ann\u002Bx@example.com"}`],
  ['emp/7"b', String.raw`{"id":"emp\/7\"b"}`],
  ['emp/7"b', '1,"emp/7""b",2'],
  [ID, `{${ID.toUpperCase().replaceAll('-', '\u2060-')}}`],
];

describe('an id that is written in another way', () => {
  it.each(SPELLINGS)('%j is found in %j, wherever its chunks end', async (id, written) => {
    const bytes = Buffer.from(`x,${written},y\n`);
    for (let size = 1; size <= bytes.length; size += 1) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await containsId(Readable.from(parts), id), `in chunks of ${size}`).toBe(true);
    }
    expect(await containsId(Readable.from([bytes]), `${id}7`)).toBe(false);
  });

  it.each(SPELLINGS)('%j: a word filter of %j has all its words', (id, written) => {
    for (const text of [written, JSON.stringify({ cxflow_raw: written })])
      expect(mayName(createWordFilter([text]), id), text).toBe(true);
  });

  it('is found in a row that was not read, at any depth', () => {
    const subject = createSubjectSearch('crm-é.7');
    expect(subject.isAbout({ cxflow_raw: String.raw`{"id":"crm-e\u0301.7", oops` }, null)).toBe(true);
    expect(subject.isAbout({ fields: [{ name: 'id', value: 'CRM-E\u0301.7\u200b' }] }, null)).toBe(true);
    expect(subject.isAbout({ id: 'crm-é.70' }, null)).toBe(false);
  });
});
