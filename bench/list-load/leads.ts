/** Fictitious leads for the list load, and the suppression list that some of them are on. The same for every run. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';

/** Records by outcome. An outcome that none has is left out. */
export type Outcomes = Readonly<Record<string, number>>;

export interface LeadsOptions {
  readonly path: string;
  readonly rows: number;
  /** Entries of the suppression list. */
  readonly suppressions: number;
}

const HEADER = [
  ...['contact_id', 'first_name', 'last_name', 'city', 'phone_number', 'email'],
  ...['last_contact_days', 'engagement_rating', 'customer_status'],
];
const RATINGS = ['HIGH', 'MEDIUM', 'LOW', ''];
const ROWS_PER_BLOCK = 1_000;
/** Every fifth row has the number of an earlier one: 20 % duplicates. */
const DUPLICATE_EVERY = 5;
/** One row in a hundred has a number that is not in E.164. */
const INVALID_EVERY = 100;
/** One person in twenty is on the suppression list, as long as it has entries. */
const SUPPRESSED_EVERY = 20;
/** Primes, so that values are spread over the rows without a pattern. */
const [STEP, OTHER_STEP] = [7_368_787, 104_729];

const phoneOf = (person: number): string => `+1${2_000_000_000 + person}`;

/** The nth entry, from 0. */
export const suppressionAt = (n: number): object => ({ phoneNumber: phoneOf(n * SUPPRESSED_EVERY) });

/** Writes the file as a stream, and returns what has to become of its rows. */
export async function writeLeads({ path, rows, suppressions }: LeadsOptions): Promise<Outcomes> {
  let [people, suppressed, duplicate, invalid] = [0, 0, 0, 0];
  const loaded = new Set<number>();
  function nextRow(n: number): readonly string[] {
    const isDuplicate = n % DUPLICATE_EVERY === DUPLICATE_EVERY - 1;
    const person = isDuplicate ? (n * STEP) % people : people++;
    const isValid = n % INVALID_EVERY !== INVALID_EVERY - 2;
    if (!isValid) invalid += 1;
    else if (person % SUPPRESSED_EVERY === 0 && person / SUPPRESSED_EVERY < suppressions) suppressed += 1;
    else if (loaded.has(person)) duplicate += 1;
    else loaded.add(person);
    return toCells(n, person, isValid);
  }
  function* blocks(): Generator<string> {
    yield stringify([HEADER]);
    for (let from = 0; from < rows; from += ROWS_PER_BLOCK) {
      const length = Math.min(ROWS_PER_BLOCK, rows - from);
      yield stringify(Array.from({ length }, (_, i) => [...nextRow(from + i)]));
    }
  }
  await pipeline(Readable.from(blocks()), createWriteStream(path));
  const outcomes = { created: loaded.size, suppressed, duplicate, invalid };
  return Object.fromEntries(Object.entries(outcomes).filter(([, n]) => n > 0));
}

function toCells(n: number, person: number, isValid: boolean): readonly string[] {
  const phone = phoneOf(person);
  const random = (n * OTHER_STEP) % STEP;
  return [
    ...[
      `crm-${String(n + 1).padStart(7, '0')}`,
      `First${n % 5_000}`,
      `Last${n % 40_000}`,
      `City, ${n % 3_000}`,
    ],
    ...[isValid ? phone : phone.slice(2), `person${person}@example.org`],
    ...[String(random % 120), RATINGS[random % RATINGS.length] ?? '', random % 3 === 0 ? 'ACTIVE' : 'FORMER'],
  ];
}
