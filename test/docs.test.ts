/** Pages that are generated from the source code are up to date, and every setting is both documented and used. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GENERATED_PAGES } from '../scripts/docs/pages.ts';
import { loadConfig } from '../src/config/config.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sources = (readdirSync(join(ROOT, 'src'), { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

describe('generated pages', () => {
  it.each(Object.keys(GENERATED_PAGES))('%s is up to date (npm run docs)', (path) => {
    expect(read(path)).toBe(GENERATED_PAGES[path]?.());
  });
});

describe('settings', () => {
  /** Variables for the tests and the image of cxflow itself, and one that only docker-compose.yml reads. */
  const INTERNAL = ['CXFLOW_CRASH_AT', 'CXFLOW_FROM', 'CXFLOW_SECRETS'];

  it('are all documented', () => {
    const page = read('docs/settings.md');
    const places = [...sources, 'bin/cxflow.js', 'Dockerfile', 'docker-compose.yml'].map(read).join('\n');
    const named = places.match(/\b(?:CXFLOW|CXONE|CRM|TEMPORAL_UI)_[A-Z_]*[A-Z]\b/g) ?? [];
    const names = new Set(named.map((name) => name.replace(/_FILE$/, '')));
    const families =
      /^CXONE_(?:PREFERENCES|CONTACTLISTS|LISTS|OUTBOUND|EMAIL)_(URL|TOKEN_URL|CLIENT_ID|CLIENT_SECRET)$/;
    const missing = [...names].filter(
      (name) => !INTERNAL.includes(name) && !page.includes(name.replace(families, 'CXONE_<FAMILY>_$1')),
    );
    expect(missing).toEqual([]);
  });

  it('are all used outside of src/config', () => {
    const { cxone, crm, sourceLimits, ...rest } = loadConfig({});
    const fields = Object.keys({ ...rest, ...cxone, ...crm, ...sourceLimits });
    const users = sources.filter((file) => !file.startsWith('src/config/')).map(read);
    expect(fields.filter((field) => !users.some((text) => text.includes(field)))).toEqual([]);
  });
});
