/** Fictitious recipients of the email send, and what has to become of each. The same for every run. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';

/** Numbers of recipients. An outcome that nobody has is left out of `outcomes`. */
export interface Expected {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly delivered: number;
  readonly bounced: number;
  /** Of the delivered ones. */
  readonly opened: number;
}

export interface PeopleOptions {
  readonly path: string;
  readonly rows: number;
  /** The number of the first person, because those who bounced are not sent to again. */
  readonly first: number;
  /** Whether people without consent are left out. */
  readonly requiresConsent: boolean;
}

const HEADER = ['contact_id', 'first_name', 'last_name', 'plan', 'email'];
const PLANS = ['basic', 'plus', 'family', 'business'];
const ROWS_PER_BLOCK = 1_000;
/** Every twentieth row has the mailbox of an earlier one, in capitals. */
const DUPLICATE_EVERY = 20;
/** One row in a hundred has no address. */
const INVALID_EVERY = 100;
/** A prime, so that repeated people are spread over the rows without a pattern. */
const STEP = 7_368_787;

export const addressOf = (person: number): string => `person${person}@example.org`;
export const contactIdOf = (person: number): string =>
  `00000000-0000-4000-8000-${person.toString(16).padStart(12, '0')}`;

/** The number of the person; NaN: it is nobody's. */
export const personAt = (address: string): number =>
  Number(/^person(\d+)@example\.org$/i.exec(address)?.[1] ?? Number.NaN);
export const personWith = (contactId: string): number => Number.parseInt(contactId.slice(-12), 16);

/** Nobody is more than one of these. */
export const isSuppressed = (person: number): boolean => person % 100 === 7;
export const hasOptedOut = (person: number): boolean => person % 50 === 11;
export const bounces = (person: number): boolean => person % 50 === 3;
export const opens = (person: number): boolean => person % 4 === 0;

/** Writes the file as a stream, and returns what has to become of its rows. */
export async function writePeople({ path, rows, first, requiresConsent }: PeopleOptions): Promise<Expected> {
  const outcomes: Record<string, number> = {};
  const [mailboxes, totals] = [new Set<number>(), { delivered: 0, bounced: 0, opened: 0 }];
  let people = 0;
  function becomes(person: number, isValid: boolean): string {
    if (!isValid) return 'invalid';
    if (mailboxes.has(person)) return 'duplicate';
    mailboxes.add(person);
    if (isSuppressed(person)) return 'suppressed';
    if (requiresConsent && hasOptedOut(person)) return 'ineligible';
    totals[bounces(person) ? 'bounced' : 'delivered'] += 1;
    if (opens(person) && !bounces(person)) totals.opened += 1;
    return 'sent';
  }
  function nextRow(n: number): readonly string[] {
    const isDuplicate = n % DUPLICATE_EVERY === DUPLICATE_EVERY - 1;
    const person = first + (isDuplicate ? (n * STEP) % people : people++);
    const isValid = n % INVALID_EVERY !== INVALID_EVERY - 2;
    const outcome = becomes(person, isValid);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const address = isDuplicate ? addressOf(person).toUpperCase() : addressOf(person);
    return [
      ...[contactIdOf(person), `First${n % 5_000}`, `Last${n % 40_000}`],
      ...[PLANS[n % PLANS.length] ?? '', isValid ? address : ''],
    ];
  }
  function* blocks(): Generator<string> {
    yield stringify([HEADER]);
    for (let from = 0; from < rows; from += ROWS_PER_BLOCK) {
      const length = Math.min(ROWS_PER_BLOCK, rows - from);
      yield stringify(Array.from({ length }, (_, i) => [...nextRow(from + i)]));
    }
  }
  await pipeline(Readable.from(blocks()), createWriteStream(path));
  return { outcomes, ...totals };
}
