/** House rules as tests (style.md 15): who may import whom, the same stems in every room, no sleep in `cxone`. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../src');

/**
 * Room → rooms that it may import besides itself (design.md "Rooms", decisions.md 32). A file at the top of src is a
 * room of its own. `types:` in front: only `import type`.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  contract: ['domain'],
  'contract-input': ['contract', 'domain'],
  config: ['domain', 'contract'],
  workflows: ['domain', 'contract', 'contract-input', 'types:activities'],
  activities: ['domain', 'contract', 'contract-input', 'cxone', 'ledger', 'sources'],
  cxone: [],
  ledger: ['domain'],
  sources: ['domain'],
  client: [
    'client-consent',
    'client-errors',
    'client-run-ids',
    'client-selection',
    'client-staging',
    'contract',
    'contract-input',
    'domain',
    'ledger',
    'sources',
  ],
  'client-consent': ['client-errors', 'contract', 'contract-input', 'ledger'],
  'client-selection': ['client', 'client-errors', 'contract', 'contract-input', 'domain', 'ledger'],
  'client-run-ids': ['client-errors', 'contract', 'contract-input', 'ledger'],
  'client-staging': ['client-errors', 'contract', 'domain', 'sources'],
  'client-errors': [],
  cli: [
    'client',
    'config',
    'contract',
    'contract-input',
    'domain',
    'ledger',
    'sources',
    'stack',
    'search-attributes',
  ],
  simulator: ['cxone'],
  stack: ['config', 'contract', 'domain'],
  'search-attributes': ['contract'],
  'crash-points': [],
  worker: ['activities', 'config', 'contract', 'crash-points', 'cxone', 'ledger', 'search-attributes'],
};

/** Single files with a wider door, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  // decisions.md 32: the one place of the CLI that may ask CXone itself, reads only.
  'cli/doctor': ['cxone'],
  'cli/commands/doctor': ['cxone'],
  // The commands that are these programs.
  'cli/commands/worker': ['worker'],
  'cli/commands/simulator': ['simulator'],
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const IMPORT = /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
const files = (readdirSync(SRC, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .sort();
const read = (file: string): string => readFileSync(join(SRC, file), 'utf8');

function importsOf(file: string): Import[] {
  return [...read(file).matchAll(IMPORT)].flatMap((match) => {
    const target = match[2] ?? match[3] ?? '';
    if (!target.startsWith('.')) return [];
    const path = relative(SRC, join(SRC, dirname(file), target));
    return [{ file, from: roomOf(file), to: roomOf(path), target: path, typeOnly: match[1] !== undefined }];
  });
}

function roomOf(path: string): string {
  const [first = ''] = path.split('/');
  return first.replace(/\.ts$/, '');
}

function isAllowed({ file, from, to, typeOnly }: Import): boolean {
  if (from === to) return true;
  const allowed = MAY_IMPORT[from] ?? [];
  if (allowed.includes(to) || (typeOnly && allowed.includes(`types:${to}`))) return true;
  return Object.entries(EXCEPTIONS).some(([place, rooms]) => file.startsWith(place) && rooms.includes(to));
}

describe('the house', () => {
  it('finds the files it speaks of', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.flatMap(importsOf).length).toBeGreaterThan(100);
  });

  it('has only rooms that the import table knows', () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !(room in MAY_IMPORT))).toEqual([]);
  });

  it('imports run one way', () => {
    const wrong = files.flatMap(importsOf).filter((each) => !isAllowed(each));
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  it('the simulator knows nothing of CXone but its wire schemas', () => {
    const wrong = files
      .flatMap(importsOf)
      .filter(
        ({ from, to, target }) => from === 'simulator' && to === 'cxone' && !target.endsWith('.wire.ts'),
      );
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  it('has every noun under the same stem in each of its rooms', () => {
    for (const noun of ['contact-import', 'preference-update', 'selection-update']) {
      for (const room of ['domain', 'workflows', 'activities']) expect(files).toContain(`${room}/${noun}.ts`);
    }
  });

  it('sleeps nowhere in cxone: Temporal is the one retry authority', () => {
    const sleepers = files.filter(
      (file) => file.startsWith('cxone/') && /timers\/promises|\bsleep\(|setInterval\(/.test(read(file)),
    );
    expect(sleepers).toEqual([]);
  });

  it('builds an ApplicationFailure in two files only', () => {
    const builders = files.filter((file) =>
      /ApplicationFailure\.(create|nonRetryable|retryable)|new ApplicationFailure/.test(read(file)),
    );
    expect(builders).toEqual(['activities/failures.ts', 'workflows/policies.ts']);
  });

  it('has no zod and nothing of Node in what the workflows bundle', () => {
    const bundled = files.filter((file) => /^(workflows|domain|contract)/.test(file));
    const wrong = bundled.filter((file) => /from '(zod|node:|axios|pg|kysely)/.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it('has no row fields in what travels through Temporal', () => {
    expect(read('contract.ts')).not.toMatch(/phoneNumber|customFields|emailAddress|toAddress/);
  });

  it('has no utils, helpers or lib, and no barrel but those of workflows and activities', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|lib|common|misc)(\/|\.ts$)/.test(file))).toEqual(
      [],
    );
    expect(files.filter((file) => file.endsWith('/index.ts'))).toEqual([
      'activities/index.ts',
      'workflows/index.ts',
    ]);
  });

  it('has files that one reads in one go', () => {
    const long = files.filter((file) => read(file).split('\n').length > 400);
    expect(long).toEqual([]);
  });
});
