/** `1 batch`, not `1 batches`: a number and its noun come from one helper, `plural` (src/domain/numbers.ts). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listRepositoryFiles, ROOT } from './harness/texts.ts';

const NOUNS =
  'attempts|batches|bytes|cells|characters|columns|conflicts|contacts|entries|events|items|jobs|lookups|messages|pages|' +
  'people|places|problems|reasons|recipients|records|requests|rows|rules|times|writes';

/** A value in a template with a noun in the plural behind it, or a noun that is chosen by hand. */
const COUNTED = new RegExp(`\\$\\{([^{}]*)\\} (?:more |other )?(?:${NOUNS})\\b`, 'g');
const CHOSEN = new RegExp(`=== 1 \\? ['\`][^'\`]*['\`] : ['\`](?:\\$\\{[^{}]*\\} )?(?:${NOUNS})\\b`, 'g');

/** Constants and given limits are always more than one, and so is what they cut off; `count` is what they are compared with. */
const NEVER_ONE = /\b(?:[A-Z]{2,}(?:_[A-Z]+)*|max\w*|most|throughputPerMinute|count|history\.length)\b/;
/** The command line has a command `records` and a group `contacts`. */
const NO_NUMBER = /^command$/;

function findCountedByHand(text: string): readonly string[] {
  const values = [...text.matchAll(COUNTED)]
    .filter(([, value = '']) => !NEVER_ONE.test(value) && !NO_NUMBER.test(value))
    .map(([found]) => found);
  return [...values, ...[...text.matchAll(CHOSEN)].map(([found]) => found)];
}

describe('a number before a noun', () => {
  it('is written by `plural`, everywhere', () => {
    const sources = listRepositoryFiles().filter((file) => /^src\/(?!simulator\/).*\.ts$/.test(file));
    const found = sources.flatMap((file) =>
      findCountedByHand(readFileSync(join(ROOT, file), 'utf8')).map((each) => `${file}: ${each}`),
    );
    expect(found).toEqual([]);
  });

  it('is found by this test', () => {
    const texts = ['`${n} rows`', '`${formatCount(n)} more batches`', "`${n === 1 ? 'record' : 'records'}`"];
    expect(texts.flatMap(findCountedByHand)).toHaveLength(3);
    expect(findCountedByHand('`at most ${MAX_ROWS} rows`, `${plural(n, "row")}`')).toEqual([]);
  });
});
