/** Fictitious contacts for the demo and for tests, from a seed, some of them invalid in known ways. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';

export interface DemoOptions {
  readonly path: string;
  /** Default 10,000. */
  readonly rows?: number;
  /** The same seed, rows, share and day produce the same bytes. Default 7. */
  readonly seed?: number;
  /** Share of the rows that are invalid or duplicate on purpose, in every way in turn. Default 0.03. */
  readonly badShare?: number;
  /** Consents are dated before this time. Default: today, midnight UTC. */
  readonly now?: Date;
}

/** The counts of an import of the file with `dedupe: "either"`. `rows = valid + invalid + duplicate`. */
export interface DemoCounts {
  readonly rows: number;
  readonly valid: number;
  readonly invalid: number;
  readonly duplicate: number;
}

const HEADER = [
  'contactId',
  'firstName',
  'lastName',
  'city',
  'phone',
  'type',
  'consentTimestamp',
  'optInStatus',
];
const ROWS_PER_BLOCK = 1_000;
const MS_PER_DAY = 86_400_000;
/** Less than the 1,825 days of the rule, so that a file stays valid for months. */
const OLDEST_VALID_CONSENT_DAYS = 1_600;

/** Writes the file as a stream, so that a million rows need no more memory than a thousand. */
export async function writeDemoContacts(options: DemoOptions): Promise<DemoCounts> {
  const { path, rows = 10_000, seed = 7, badShare = 0.03 } = options;
  const now = options.now ?? new Date(Math.floor(Date.now() / MS_PER_DAY) * MS_PER_DAY);
  const rowAt = createRowGenerator({ random: mulberry32(seed), now, badShare });
  const counts = { rows, valid: 0, invalid: 0, duplicate: 0 };
  function* blocks(): Generator<string> {
    yield stringify([HEADER]);
    for (let from = 0; from < rows; from += ROWS_PER_BLOCK) {
      const block = Array.from({ length: Math.min(ROWS_PER_BLOCK, rows - from) }, (_, n) => rowAt(from + n));
      for (const { expected } of block) counts[expected] += 1;
      yield stringify(block.map(({ cells }) => [...cells]));
    }
  }
  await pipeline(Readable.from(blocks()), createWriteStream(path));
  return counts;
}

interface DemoRow {
  readonly cells: readonly string[];
  readonly expected: 'valid' | 'invalid' | 'duplicate';
}

interface Person {
  readonly contactId: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly city: string;
  readonly phone: string;
  readonly type: string;
  readonly consentTimestamp: string;
  readonly optInStatus: string;
}

interface SpoilContext {
  readonly now: Date;
  readonly random: () => number;
  /** An earlier valid row, which wins against duplicates of its keys. */
  readonly winner: Pick<Person, 'contactId' | 'phone'>;
}

type Spoiler = (person: Person, context: SpoilContext) => DemoRow;

const invalid = (person: Person, change: Partial<Person>): DemoRow => ({
  cells: toCells({ ...person, ...change }),
  expected: 'invalid',
});
const duplicate = (person: Person, change: Partial<Person>): DemoRow => ({
  cells: toCells({ ...person, ...change }),
  expected: 'duplicate',
});

/** The ways in which a row is invalid or duplicate, in the order in which they are used. */
const SPOILERS: readonly Spoiler[] = [
  (person) =>
    invalid(person, {
      phone: `(${person.phone.slice(2, 5)}) ${person.phone.slice(5, 8)}-${person.phone.slice(8)}`,
    }),
  (person, { winner }) => duplicate(person, { contactId: winner.contactId }),
  (person) => invalid(person, { consentTimestamp: '' }),
  (person, { winner }) => duplicate(person, { phone: winner.phone }),
  (person, { now, random }) =>
    invalid(person, { consentTimestamp: daysBefore(now, between(random, 1_900, 3_000)) }),
  (person) => invalid(person, { phone: person.phone.slice(0, 6) }),
  (person, { now, random }) =>
    invalid(person, { consentTimestamp: daysBefore(now, -between(random, 30, 400)) }),
  (person) => ({ cells: toCells(person).slice(0, 6), expected: 'invalid' }),
  (person) => invalid(person, { optInStatus: 'maybe' }),
  (person) => invalid(person, { phone: '', contactId: '' }),
  (person) => ({ cells: [...toCells(person), 'call back'], expected: 'invalid' }),
  (person) => invalid(person, { consentTimestamp: '31.02.2024' }),
];

function createRowGenerator({
  random,
  now,
  badShare,
}: Omit<SpoilContext, 'winner'> & { readonly badShare: number }) {
  let spoiled = 0;
  let winner: SpoilContext['winner'] | null = null;
  return (index: number): DemoRow => {
    const person = personAt(index, random, now);
    const spoiler = winner && random() < badShare ? SPOILERS[spoiled % SPOILERS.length] : undefined;
    if (winner && spoiler) {
      spoiled += 1;
      return spoiler(person, { now, random, winner });
    }
    // Not always the previous row, so that some winners are near their duplicates and some far away.
    if (winner === null || random() < 0.1) winner = { contactId: person.contactId, phone: person.phone };
    return { cells: toCells(person), expected: 'valid' };
  };
}

function personAt(index: number, random: () => number, now: Date): Person {
  return {
    contactId: `crm-${String(index + 1).padStart(7, '0')}`,
    firstName: pick(random, FIRST_NAMES),
    lastName: pick(random, LAST_NAMES),
    city: pick(random, CITIES),
    phone: phoneAt(index),
    type: random() < 0.8 ? 'mobile' : 'work',
    consentTimestamp: randomConsent(random, now),
    optInStatus: random() < 0.85 ? 'confirmed' : 'pending',
  };
}

/**
 * A different number for each index: `555-0100` to `555-0199` of each area code, which the North American Numbering Plan
 * reserves for fiction, then other lines of the exchange 555 that no subscriber has, except `555-1212`, directory
 * assistance. Enough for more than a million rows.
 */
function phoneAt(index: number): string {
  const area = AREA_CODES[index % AREA_CODES.length];
  const nth = Math.floor(index / AREA_CODES.length);
  const line = nth < 100 ? 100 + nth : 1_300 + nth;
  if (line > 9_999) throw new RangeError(`there are no fictitious phone numbers left for row ${index + 1}`);
  return `+1${area}555${String(line).padStart(4, '0')}`;
}

/** In one of the three formats that the import accepts. */
function randomConsent(random: () => number, now: Date): string {
  const timestamp = daysBefore(
    now,
    between(random, 1, OLDEST_VALID_CONSENT_DAYS),
    between(random, 0, 86_399),
  );
  const format = random();
  if (format < 0.6) return timestamp;
  return format < 0.8 ? timestamp.slice(0, 10) : timestamp.replace('Z', '-05:00');
}

function daysBefore(now: Date, days: number, seconds = 0): string {
  const at = new Date(now.getTime() - days * MS_PER_DAY - seconds * 1_000);
  return at.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function toCells(person: Person): readonly string[] {
  const { contactId, firstName, lastName, city, phone, type, consentTimestamp, optInStatus } = person;
  return [contactId, firstName, lastName, city, phone, type, consentTimestamp, optInStatus];
}

function pick(random: () => number, from: readonly string[]): string {
  return from[Math.floor(random() * from.length)] ?? '';
}

/** A random whole number, both ends included. */
function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** A small generator of numbers in [0, 1), by Tommy Ettinger (mulberry32, public domain). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

// Real area codes of the United States. No subscriber has their numbers 555-01xx.
const AREA_CODES = parseList(`
  201; 202; 203; 205; 206; 207; 208; 209; 210; 212; 213; 214; 215; 216; 217; 218; 219; 224; 225; 228; 229;
  231; 234; 239; 240; 248; 251; 252; 253; 254; 256; 260; 262; 267; 269; 270; 276; 281; 301; 302; 303; 304;
  305; 307; 308; 309; 310; 312; 313; 314; 315; 316; 317; 318; 319; 320; 321; 323; 325; 330; 334; 336; 337;
  339; 347; 351; 352; 360; 361; 386; 401; 402; 404; 405; 406; 407; 408; 409; 410; 412; 413; 414; 415; 417;
  419; 423; 425; 430; 432; 434; 435; 440; 443; 469; 478; 479; 480; 484; 501; 502; 503; 504; 505; 507; 508;
  509; 510; 512; 513; 515; 516; 517; 518; 520; 530; 540; 541; 551; 559; 561; 562; 563; 567; 570; 571; 573;
  574; 575; 580; 585; 586; 601; 602; 603; 605; 606; 607; 608; 609; 610; 612
`);

const FIRST_NAMES = parseList(`
  Ada; Amina; Anne-Marie; Ben; Carlos; Chloé; Daniel; Elif; Emma; Fatima; George; Grace; Hana; Ivan;
  James; Jürgen; Kofi; Lea; Liam; Lucía; Maria; Mei; Mohammed; Noah; Olga; Priya; Ravi; Sofia; Søren; Tom;
  Yuki; Zoë
`);

const LAST_NAMES = parseList(`
  Adams; Baker; Brown, Jr.; Chen; Díaz; Evans; Fischer; García; Hughes; Ito; Jones; Khan; Kowalski; Lee;
  Müller; Nguyen; O'Brien; Okafor; Patel; Quinn; Rossi; Silva; Smith; Taylor; van der Berg; Williams;
  Young; Zhang
`);

const CITIES = parseList(`
  Albany; Austin; Boston; Boulder; Chicago; Columbus; Dallas; Denver; El Paso; Fresno; Houston; Miami; New
  York; Oakland; Portland, OR; Portland, ME; Reno; San José; Seattle; Tampa; Washington, D.C.
`);

function parseList(text: string): readonly string[] {
  return text.split(';').map((item) => item.replaceAll(/\s+/g, ' ').trim());
}
