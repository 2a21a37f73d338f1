/** An answer decides how long its texts are. What is read of it is bounded, and can be stored. */
import { expect, it } from 'vitest';
import { createAnswer } from '../../src/cxone/answer.ts';
import { RECORDS_REFUSED } from '../../src/cxone/contact-lists.wire.ts';
import { CxoneUnreadable } from '../../src/cxone/errors.ts';
import { CAMPAIGN_REFUSED } from '../../src/cxone/outbound.wire.ts';
import {
  PREFERENCE_FOUND,
  PREFERENCES_REFUSED,
  PREFERENCES_UPDATED,
} from '../../src/cxone/preferences.wire.ts';

const LONG = 'x'.repeat(3_000_000);
const UNSTORABLE = `a\0b\ud800c`;
const answerOf = (body: unknown, status = 400) =>
  createAnswer(JSON.stringify(body), { family: 'outbound', verb: 'POST', url: '/', status, requestId: 'r' });

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const entry = (text: string) => ({
  index: 0,
  contactId: text,
  recordId: text,
  code: text,
  field: text,
  message: text,
});
const stored = (text: string) => ({
  ...{ id: text, contactId: text, channel: text, optIn: true, status: text, regulatoryRegion: text },
  ...{ consentTimestamp: text, withdrawalTimestamp: text, source: text, updatedAt: text },
});
const preferenceEntry = (text: string) => ({
  contactId: text,
  channel: text,
  code: text,
  field: text,
  message: text,
});

it.each([
  [
    'a refused batch',
    RECORDS_REFUSED,
    (t: string) => ({ message: t, warnings: [t, entry(t)], errors: [entry(t)] }),
  ],
  ['a refused campaign', CAMPAIGN_REFUSED, (t: string) => ({ message: t })],
  [
    'refused preferences',
    PREFERENCES_REFUSED,
    (t: string) => ({ message: t, conflicts: [t, preferenceEntry(t)], errors: [preferenceEntry(t)] }),
  ],
  ['updated preferences', PREFERENCES_UPDATED, (t: string) => [stored(t)]],
  ['a stored preference', PREFERENCE_FOUND, (t: string) => stored(t)],
])('every text of %s is cut, and NUL and halves of surrogate pairs are replaced', (_, schema, bodyOf) => {
  const long = textsIn(answerOf(bodyOf(LONG)).read(schema as typeof CAMPAIGN_REFUSED));
  expect(long.length).toBeGreaterThan(0);
  for (const text of long) {
    expect(text.length).toBeLessThanOrEqual(1_000);
    expect(text).toMatch(/^x+…$/);
  }
  for (const text of textsIn(answerOf(bodyOf(UNSTORABLE)).read(schema as typeof CAMPAIGN_REFUSED)))
    expect(text).toBe('a\ufffdb\ufffdc');
});

it('an answer that names more records than a request can have is unreadable', () => {
  const named = (n: number) =>
    answerOf({ message: 'no', errors: Array.from({ length: n }, () => entry('c1')) }, 409);
  expect(named(1_000).read(RECORDS_REFUSED).errors).toHaveLength(1_000);
  expect(() => named(1_001).read(RECORDS_REFUSED)).toThrow(CxoneUnreadable);
});
