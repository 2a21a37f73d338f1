/** What CXone says, as the ledger keeps it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Persons, redactMessage, toMessages } from '../../src/domain/messages.ts';

const nobody = new Persons([]);

it('keeps each text once, with how often it occurs, on one line', () => {
  expect(toMessages(['list is nearly full', 'closed\n today', 'list is nearly full'], nobody)).toEqual([
    { text: 'list is nearly full', n: 2 },
    { text: 'closed today', n: 1 },
  ]);
  expect(toMessages([], nobody)).toEqual([]);
  expect(toMessages(['  '], nobody)).toEqual([{ text: '…', n: 1 }]);
});

it('bounds how many texts an answer may add, and how long they are; the others are counted', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => `warning ${i % 500}`);
  const messages = toMessages(many, nobody);
  expect(messages.filter(({ text }) => text !== null)).toHaveLength(20);
  expect(messages.reduce((sum, { n }) => sum + n, 0)).toBe(1_000);
  expect(messages.find(({ text }) => text === null)?.n).toBe(960);
  const [long] = toMessages(['x'.repeat(10_000)], nobody);
  expect(long?.text).toHaveLength(300);
});

it('hides who a message is about: numbers, addresses, and the words of the records that were sent', () => {
  const persons = new Persons([
    'crm-88291',
    'Eleanor',
    'Vance',
    'O’Brien Smith',
    'a note that the list has been called twice',
    'US',
  ]);
  const texts = [
    'crm-88291: Eleanor VANCE already gave +1 415 555 0100',
    "duplicate of 'CRM-88291', write to eleanor@example.com",
    'Mr. O’Brien, us',
    'list is nearly full',
  ];
  expect(toMessages(texts, persons).map(({ text }) => text)).toEqual([
    '…: … … already gave …',
    "duplicate of '…', write to …",
    'Mr. …, …',
    'list is nearly full',
  ]);
});

it.each([
  [
    'García',
    'Maria del Carmen García López',
    'Record for Maria del Carmen García López refused',
    'Record for … refused',
  ],
  ['a part of a name', 'Maria del Carmen García López', 'Carmen Garci\u0301a is blocked', '… … is blocked'],
  ['two characters', '王伟', '联系人王伟重复', '联系人…重复'],
  ['a short name', 'Wu Li', 'wu  LI is not in the list', '… is not in the list'],
  ['one syllable', 'Ng', 'NG was given nothing', '… was given nothing'],
  ['one character', '王', 'nobody called 王', 'nobody called …'],
  ['an address', '12 Rue de la Paix Paris', 'moved to 12 Rue de la Paix\nParis', 'moved to …'],
  ['a part of an address', '12 Rue de la Paix Paris', 'Paix is in Paris', '… is in …'],
  [
    'a GUID without its dashes',
    'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    'A1B2C3D4E5F67890ABCDEF1234567890 is unknown',
    '… is unknown',
  ],
  [
    'a GUID with dashes that the record has without',
    'a1b2c3d4e5f67890abcdef1234567890',
    'id {a1b2c3d4-e5f6-7890-abcd-ef1234567890}',
    'id {…}',
  ],
  ['a part of a number that is hidden as a whole', '555', 'call +1 415 555 01 00 now', 'call … now'],
  ['one of two names with a hyphen', 'Lena Meyer', 'Meyer-Schulze', '…-Schulze'],
  ['a Greek capital', 'Γιώργος', 'ΓΙΏΡΓΟΣ', '…'],
])('hides %s', (_, value, message, kept) => {
  expect(redactMessage(message, [], new Persons([value]))).toBe(kept);
});

it('keeps no value of a record that was sent', () => {
  const character = fc.oneof(
    fc.constantFrom(...'abAB19éßİσςΣ王伟李ñ-_. +@,()"'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  );
  // Readers trim cells; and the mark is what a hidden value looks like.
  const value = fc
    .string({ unit: character, minLength: 2, maxLength: 12 })
    .map((text) => text.normalize('NFC').replace(/\s+/g, ' ').trim())
    .filter((text) => text.length >= 2 && !text.includes('…'));
  const example = fc.array(value, { minLength: 1, maxLength: 5 }).chain((values) => {
    const part = fc.oneof(fc.constantFrom(...values), fc.string({ unit: character, maxLength: 8 }));
    return fc.record({ values: fc.constant(values), message: fc.array(part).map((parts) => parts.join('')) });
  });
  fc.assert(
    fc.property(example, ({ values, message }) => {
      const [kept] = toMessages([message.replaceAll('…', '')], new Persons(values));
      for (const each of values) expect(kept?.text).not.toContain(each);
    }),
    { numRuns: 2_000 },
  );
});

it('redacts phone numbers and email addresses in messages of CXone, but keeps known list ids', () => {
  const redacted = (message: string) => redactMessage(message, ['20260001', 'L3'], nobody);
  expect(redacted('list L3 is archived since 2026')).toBe('list L3 is archived since 2026');
  expect(redacted('list 20260001 is archived')).toBe('list 20260001 is archived');
  expect(redacted('rule phone eq "+1 (415) 555-0100" is wrong, ask "dana@example.com"')).toBe(
    'rule phone eq "…" is wrong, ask "…"',
  );
});

it('reads a message once, however long it is and whatever it consists of', () => {
  // Megabytes: a search that starts over at every character would take hours.
  for (const part of ['a', '1', '1 ', '(', '+', '1 2 3 4 5 6 x', '1' + ' '.repeat(1_000), '@'])
    expect(redactMessage(part.repeat(Math.ceil(2_000_000 / part.length)), [], nobody).length).toBeGreaterThan(
      0,
    );
});

it('reads only so many texts of an answer, and counts the others', () => {
  const texts = Array.from({ length: 2_000 }, (_, i) => `${i} is unknown`);
  // Each is the same line without its number, but that is not known of those that were not read.
  const persons = new Persons(texts.map((_, i) => String(i)));
  expect(toMessages([...texts, ...texts], persons)).toEqual([
    { text: '… is unknown', n: 2_000 },
    { text: null, n: 2_000 },
  ]);
});

// Meanwhile the worker could neither renew a lease nor send a heartbeat.
it('hides whole texts once the search for values that begin alike has taken too long', () => {
  const persons = new Persons(Array.from({ length: 100 }, (_, i) => 'a'.repeat(i + 4)));
  const texts = Array.from({ length: 800 }, (_, i) => `b ${'a'.repeat(200 + i)}`);
  const [read, hidden, ...others] = toMessages(texts, persons);
  expect([read?.text, hidden?.text, others]).toEqual(['b …', '…', []]);
  expect((read?.n ?? 0) + (hidden?.n ?? 0)).toBe(800);
});

it('finds thousands of values in thousands of texts at once', () => {
  const persons = new Persons(
    Array.from({ length: 5_000 }, (_, i) => `+1415555${String(i).padStart(4, '0')}`),
  );
  const texts = Array.from({ length: 2_000 }, (_, i) => `${i} ${'+1'.repeat(450)}`);
  expect(toMessages(texts, persons)).toHaveLength(21);
});
