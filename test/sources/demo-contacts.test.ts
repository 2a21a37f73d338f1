import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoOptions, writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import {
  createDuplicateFinder,
  readContact,
  resolveContactColumns,
} from '../../src/domain/contact-import/contacts.ts';
import { readFileBytes } from '../../src/sources/files.ts';
import { openSource } from '../../src/sources/open.ts';

const NOW = new Date('2026-06-15T00:00:00Z');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cxflow-demo-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, options: Omit<DemoOptions, 'path'>) {
  const path = join(folder, name);
  return { path, counts: await writeDemoContacts({ path, now: NOW, ...options }) };
}

/** Applies the rules to a file and counts outcomes and reasons. */
async function judgeFile(path: string) {
  const source = await openSource(readFileBytes(path), { name: path });
  const resolved = resolveContactColumns(source.columns ?? []);
  if ('problems' in resolved) throw new Error(resolved.problems.join('\n'));
  const finder = createDuplicateFinder('either');
  const counts = { rows: 0, valid: 0, invalid: 0, duplicate: 0 };
  const reasons = new Map<string, number>();
  const count = (code: string): unknown => reasons.set(code, (reasons.get(code) ?? 0) + 1);
  for await (const { line, fields, broken } of source.rows()) {
    counts.rows += 1;
    const read = fields ? readContact(fields, resolved.columns, NOW) : { reasons: broken ? [broken] : [] };
    if ('reasons' in read) {
      counts.invalid += 1;
      for (const { code } of read.reasons) count(code);
      continue;
    }
    const { contactId, phoneNumbers } = read.contact;
    const duplicate = finder.check({
      line,
      contactId,
      phone: phoneNumbers[0]?.number ?? '',
    });
    counts[duplicate ? 'duplicate' : 'valid'] += 1;
    if (duplicate) count(`duplicate ${duplicate.key}`);
  }
  return { counts, reasons };
}

describe('demonstration contacts', () => {
  it.each([7, 8, 4_294_967_295])('with seed %i have the counts that were reported', async (seed) => {
    const { path, counts } = await write(`seed-${seed}.csv`, { seed });
    const judged = await judgeFile(path);
    expect(judged.counts).toEqual(counts);
    expect(counts.rows).toBe(10_000);
    expect(counts.invalid + counts.duplicate).toBeGreaterThan(200);
    expect(counts.invalid + counts.duplicate).toBeLessThan(400);
  });

  it('have every kind of problem', async () => {
    const { path } = await write('ways.csv', {});
    expect([...(await judgeFile(path)).reasons.keys()].sort()).toEqual([
      'consent_in_future',
      'consent_missing',
      'consent_not_a_date',
      'consent_too_old',
      'contact_id_missing',
      'duplicate contactId',
      'duplicate phone',
      'opt_in_status_invalid',
      'phone_missing',
      'phone_not_e164',
      'phone_not_possible',
      'row_too_few_cells',
      'row_too_many_cells',
    ]);
  });

  it('are the same bytes for the same seed and day, and differ for another seed', async () => {
    const bytes = async (name: string, seed: number) =>
      readFile((await write(name, { seed, rows: 500 })).path, 'utf8');
    const first = await bytes('one.csv', 1);
    expect(await bytes('two.csv', 1)).toBe(first);
    expect(await bytes('three.csv', 2)).not.toBe(first);
  });

  it('have fictitious phone numbers, up to 10,000 of them', async () => {
    const { path } = await write('fiction.csv', { badShare: 0 });
    const phones = (await readFile(path, 'utf8')).match(/\+\d+(?=,)/g) ?? [];
    expect(phones.filter((phone) => !/^\+1\d{3}55501\d\d$/.test(phone))).toEqual([]);
    expect(new Set(phones).size).toBe(10_000);
  });

  it.each([0, 0.5, 1])(
    'with a share of %d bad rows have correct counts and a valid first row',
    async (badShare) => {
      const { path, counts } = await write(`share-${badShare}.csv`, { rows: 1_000, badShare });
      expect((await judgeFile(path)).counts).toEqual(counts);
      expect(counts.valid).toBe(badShare === 0 ? 1_000 : badShare === 1 ? 1 : counts.valid);
    },
  );

  it('have correct counts for 100,000 rows', async () => {
    const { path, counts } = await write('many.csv', { rows: 100_000 });
    expect((await judgeFile(path)).counts).toEqual(counts);
  });
});
