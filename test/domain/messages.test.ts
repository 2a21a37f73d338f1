/** What CXone says, as the ledger keeps it. */
import { expect, it } from 'vitest';
import { redactMessage, toMessages, wordsOfPersons } from '../../src/domain/messages.ts';

const nobody = new Set<string>();

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
  const persons = wordsOfPersons([
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
    'Mr. O’Brien, US',
    'list is nearly full',
  ];
  expect(toMessages(texts, persons).map(({ text }) => text)).toEqual([
    '…: … … already gave …',
    "duplicate of '…', write to …",
    'Mr. …, US',
    'list is nearly full',
  ]);
});

it('redacts phone numbers and email addresses in messages of CXone, but keeps known list ids', () => {
  const redacted = (message: string) => redactMessage(message, ['20260001', 'L3']);
  expect(redacted('list L3 is archived since 2026')).toBe('list L3 is archived since 2026');
  expect(redacted('list 20260001 is archived')).toBe('list 20260001 is archived');
  expect(redacted('rule phone eq "+1 (415) 555-0100" is wrong, ask "dana@example.com"')).toBe(
    'rule phone eq "…" is wrong, ask "…"',
  );
});

it('reads a message once, however long it is and whatever it consists of', () => {
  // Megabytes: a search that starts over at every character would take hours.
  for (const part of ['a', '1', '1 ', '(', '+', '1 2 3 4 5 6 x', '1' + ' '.repeat(1_000), '@'])
    expect(redactMessage(part.repeat(Math.ceil(2_000_000 / part.length)), []).length).toBeGreaterThan(0);
});
