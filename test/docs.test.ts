/** Pages that are generated from the source code are up to date, and every setting is both documented and used. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GENERATED_PAGES } from '../scripts/docs/pages.ts';
import { SETTINGS } from '../src/config/catalogue.ts';
import { loadConfig } from '../src/config/config.ts';
import { OPERATIONS as NEEDS } from '../src/config/operations.ts';
import { OPERATIONS } from '../src/contract/operations.ts';
import { readIdentifiers } from './harness/texts.ts';

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

/** Settings that the containers of docker-compose.yml do not need, each with its reason. */
const NOT_PASSED_ON = {
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'for tests; in a container, this machine is the container',
  CXFLOW_SOURCE_DIR: 'the image has the folder, and the file mounts it',
  TEMPORAL_NAMESPACE: 'the server of the file creates `default`',
};

it('the table of what operations need has every operation', () => {
  const names = NEEDS.map(({ name }) => name);
  for (const { stem } of Object.values(OPERATIONS)) expect(names).toContain(stem.replaceAll('-', ' '));
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
    const used = new Set(
      sources.filter((file) => !file.startsWith('src/config/')).flatMap((file) => readIdentifiers(file)),
    );
    expect(fields.filter((field) => !used.has(field))).toEqual([]);
  });

  it('are all passed on to the workers and commands of docker-compose.yml', () => {
    const [, block = '', services = ''] =
      /^x-settings: &settings$([^]*?)^\S([^]*)/m.exec(read('docker-compose.yml')) ?? [];
    const passed = new Set(
      [...block.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name = '']) => name.replace(/_FILE$/, '')),
    );
    const missing = SETTINGS.filter(({ name }) => !passed.has(name));
    expect(missing.map(({ name }) => name).toSorted()).toEqual(Object.keys(NOT_PASSED_ON).toSorted());
    for (const service of ['worker', 'cli']) {
      const [text = ''] = new RegExp(`^ {2}${service}:$[^]*?^(?: {2})?\\S`, 'm').exec(services) ?? [];
      expect(text, service).toContain('    environment: *settings\n');
    }
    const [top = ''] = read('docker-compose.yml').split(/^name:/m);
    const named = [...top.matchAll(/\bCXONE_[A-Z_]*[A-Z]\b/g)].map(([name]) => name);
    expect(named).toContain('CXONE_OUTBOUND_URL');
    expect(named.filter((name) => !passed.has(name))).toEqual([]);
  });
});
