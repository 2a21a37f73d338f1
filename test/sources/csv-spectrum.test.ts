/** The files of the csv-spectrum package: CSV that readers are known to get wrong, each with what it says. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../src/sources/errors.ts';
import { rowsOf } from './harness.ts';

const folder = dirname(createRequire(import.meta.url).resolve('csv-spectrum/package.json'));
/** Where the package's JSON is not what its CSV says. */
const ERRATA: Readonly<Record<string, object>> = {
  location_coordinates: { 'Contact Phone Number': '2095257564' },
};
const names = readdirSync(join(folder, 'csvs')).map((name) => name.replace(/\.csv$/, ''));

describe('csv-spectrum', () => {
  it('has the files that we think it has', () => {
    expect(names.length).toBeGreaterThanOrEqual(12);
  });

  it.each(names)('%s is read right, in one piece and byte by byte', async (name) => {
    const content = readFileSync(join(folder, 'csvs', `${name}.csv`));
    const said = JSON.parse(readFileSync(join(folder, 'json', `${name}.json`), 'utf8')) as unknown;
    // One of them leaves the brackets out.
    const expected = [said].flat().map((row) => ({ ...(row as object), ...ERRATA[name] }));
    const fields = async (cuts: readonly number[]) =>
      (await rowsOf(content, 'csv', cuts)).map((row) => row.fields ?? row.broken);
    expect(await fields([])).toEqual(expected);
    expect(await fields(Array.from(content, (_, at) => at))).toEqual(expected);
  });

  it('without its rows is an error, not nothing', async () => {
    const [header] = readFileSync(join(folder, 'csvs', 'simple.csv'), 'utf8').split('\n');
    await expect(rowsOf(`${header}\n`)).rejects.toThrow(SourceError);
  });
});
