/** The files of the csv-spectrum package: CSV that readers are known to get wrong, with the expected results. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../src/sources/errors.ts';
import { readRows } from './harness.ts';

const folder = dirname(createRequire(import.meta.url).resolve('csv-spectrum/package.json'));
/** Corrections where the package's JSON does not match its CSV. */
const ERRATA: Readonly<Record<string, object>> = {
  location_coordinates: { 'Contact Phone Number': '2095257564' },
};
const names = readdirSync(join(folder, 'csvs')).map((name) => name.replace(/\.csv$/, ''));

describe('csv-spectrum', () => {
  it('has files', () => {
    expect(names.length).toBeGreaterThanOrEqual(12);
  });

  it.each(names)('%s is read correctly, as a whole and byte by byte', async (name) => {
    const content = readFileSync(join(folder, 'csvs', `${name}.csv`));
    const json = JSON.parse(readFileSync(join(folder, 'json', `${name}.json`), 'utf8')) as unknown;
    // One of the files has no brackets.
    const expected = [json].flat().map((row) => ({ ...(row as object), ...ERRATA[name] }));
    const fields = async (cuts: readonly number[]) =>
      (await readRows(content, 'csv', cuts)).map((row) => row.fields ?? row.broken);
    expect(await fields([])).toEqual(expected);
    expect(await fields(Array.from(content, (_, at) => at))).toEqual(expected);
  });

  it('without rows is an error', async () => {
    const [header] = readFileSync(join(folder, 'csvs', 'simple.csv'), 'utf8').split('\n');
    await expect(readRows(`${header}\n`)).rejects.toThrow(SourceError);
  });
});
