/** Rules of the code base as tests: who may import whom, no import cycles, and where certain things may be done. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../src/contract/operations.ts';

const SRC = join(import.meta.dirname, '../src');

/** Layer → layers that it may import besides itself. `types:` in front permits `import type` only. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  contract: ['domain'],
  config: ['domain', 'cxone'],
  workflows: ['domain', 'contract', 'types:activities'],
  activities: ['domain', 'contract', 'cxone', 'ledger', 'sources'],
  cxone: [],
  ledger: ['domain'],
  sources: ['domain'],
  client: ['config', 'contract', 'domain', 'ledger', 'sources'],
  queries: ['contract', 'domain', 'ledger'],
  cli: ['client', 'config', 'contract', 'domain', 'ledger', 'queries', 'sources', 'stack', 'worker'],
  simulator: ['cxone'],
  stack: ['config', 'contract'],
  worker: ['activities', 'config', 'contract', 'cxone', 'domain', 'ledger'],
};

/** Single files or folders that may import more, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  // The doctor is the only part of the command line that calls CXone itself, and it only reads.
  'cli/doctor': ['cxone'],
};

/** The rules of an operation may be there before its entry in the registry. */
const OPERATION_FOLDERS = [...new Set([...Object.values(OPERATIONS).map(({ stem }) => stem), 'email-send'])];
const perOperation = (allowed: readonly string[]) =>
  Object.fromEntries(OPERATION_FOLDERS.map((folder) => [folder, allowed]));

/**
 * Files and folders that belong to no operation but may import one, in any layer. What operations share, such as the engine,
 * the outbox and the consent check, is not among them.
 */
const KNOW_OPERATIONS: readonly string[] = [
  // The registries.
  ...['contract/operations.ts', 'activities/index.ts', 'workflows/index.ts'],
  // The library exports the types of every operation, and the command line has commands for each.
  ...['client.ts', 'cli/'],
  // Everything that stores selections, reads them or shows their conflicts.
  ...['ledger/selections/', 'client/selection.ts', 'queries/conflicts.ts'],
  // Everything that counts or shows what became of emails.
  ...['ledger/emails/counts.ts', 'queries/email-'],
];

/**
 * Inside a layer: part → parts that it may import. A part is a folder or a single file of the layer. An operation never
 * imports another one, and what they share knows none of them. `*` means every part: registries and composition.
 */
const PARTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  activities: {
    index: ['*'],
    'repeated-failures': [],
    failures: ['repeated-failures'],
    engine: ['failures', 'repeated-failures'],
    outbox: ['engine', 'failures'],
    consent: ['engine', 'failures'],
    ...perOperation(['engine', 'outbox', 'consent', 'failures']),
  },
  workflows: {
    index: ['*'],
    ...{ input: [], policies: [] },
    engine: ['input', 'policies'],
    consent: ['input', 'policies'],
    ...perOperation(['engine', 'input', 'policies']),
  },
  ledger: {
    ...{ ledger: ['*'], migrate: ['database', 'migrations'], migrations: [], outbox: ['database', 'schema'] },
    writes: ['audit', 'coalesce', 'database', 'fence', 'hashing', 'locks', 'schema', 'storable'],
    runs: [
      ...['audit', 'coalesce', 'writes', 'database', 'errors', 'fence', 'hashing', 'locks', 'schema'],
      'words',
    ],
    emails: ['coalesce', 'writes', 'database', 'fence', 'hashing', 'locks', 'schema', 'storable'],
    ...{ database: ['schema'], errors: [], hashing: [], locks: ['database'], words: [], storable: [] },
    ...{ columns: [], schema: ['columns'] },
    ...{ tenant: [], 'tenant.sql': ['database', 'errors', 'tenant', 'writes'] },
    ...{ clock: ['database'], coalesce: ['errors'], fence: ['database'], health: ['database'] },
    'open-work': ['database'],
    audit: ['database', 'hashing', 'locks', 'schema'],
    consent: ['audit', 'emails', 'writes', 'runs', 'database', 'fence', 'locks', 'schema', 'words'],
    selections: ['runs', 'writes', 'database', 'fence', 'hashing', 'locks', 'schema'],
    retention: ['audit', 'writes', 'runs', 'database', 'locks', 'schema'],
  },
  domain: {
    ...{ absent: [], cells: [], columns: ['invisible'], invisible: [], numbers: [], reasons: [] },
    ...{ run: ['numbers', 'shorten'], 'contact-id': ['invisible', 'run'], fields: ['invisible', 'json'] },
    ...{ shorten: [], 'source-limits': [], timeouts: [], timestamps: [], 'workbook-text': [] },
    ...{ metrics: ['numbers', 'run'], checks: ['json', 'similar', 'text'], durations: ['timestamps'] },
    ...{ text: ['shorten'], messages: ['shorten'], json: ['text'], 'json-text': ['json'] },
    ...{ phone: ['invisible', 'run'], 'time-zones': ['reasons', 'run'], similar: ['columns'], mask: [] },
    ...{ 'email-address': ['run', 'shorten'], 'subscriber-address': [] },
    identifiers: ['contact-id', 'email-address', 'invisible', 'phone'],
    consent: [
      ...['columns', 'contact-id', 'email-address', 'fields', 'identifiers', 'invisible', 'phone', 'text'],
      'timestamps',
    ],
    ...perOperation([
      ...['cells', 'checks', 'columns', 'consent', 'contact-id', 'email-address', 'fields', 'identifiers'],
      ...['invisible', 'json', 'mask', 'messages', 'numbers', 'phone', 'run', 'shorten', 'similar'],
      ...['reasons', 'source-limits', 'text', 'time-zones', 'timestamps'],
    ]),
  },
  contract: {
    operations: ['*'],
    ...{ failures: [], input: ['run'], run: [], steering: ['input'] },
    consent: ['input'],
    spec: ['input', 'run'],
    ...perOperation(['input', 'run', 'spec', 'steering']),
  },
  cli: {
    main: ['*'],
    program: ['cli', 'commands', 'env-files', 'exit-codes', 'terminal'],
    'env-files': ['cli'],
    session: ['cli', 'errors', 'prepared', 'terminal'],
    prepared: ['cli', 'errors', 'terminal'],
    confirm: ['cli', 'errors', 'terminal'],
    cli: ['exit-codes', 'render', 'terminal'],
    errors: ['exit-codes'],
    ...{ arguments: ['errors'], 'exit-codes': [] },
    terminal: [],
    render: ['terminal'],
    html: ['render', 'terminal'],
    dev: ['cli', 'errors', 'terminal'],
    doctor: ['cli', 'errors', 'render', 'session', 'terminal'],
    watching: ['cli', 'exit-codes', 'render', 'terminal'],
    actions: [
      ...['cli', 'confirm', 'dev', 'doctor', 'errors', 'exit-codes', 'html', 'render', 'session'],
      ...['arguments', 'terminal', 'watching'],
    ],
    commands: ['actions', 'arguments', 'cli', 'render'],
    operations: ['cli', 'commands'],
  },
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
    return [{ file, from: layerOf(file), to: layerOf(path), target: path, typeOnly: match[1] !== undefined }];
  });
}

function layerOf(path: string): string {
  const [first = ''] = path.split('/');
  return first.replace(/\.ts$/, '');
}

function isAllowed({ file, from, to, target, typeOnly }: Import): boolean {
  if (from === to) return isAllowedInside(from, partOf(file), partOf(target));
  const allowed = LAYERS[from] ?? [];
  if (allowed.includes(to) || (typeOnly && allowed.includes(`types:${to}`))) return true;
  return Object.entries(EXCEPTIONS).some(([place, layers]) => file.startsWith(place) && layers.includes(to));
}

/** `activities/engine/plan.ts` → `engine`; `activities/failures.ts` → `failures`; `ledger/schema-emails.ts` → `schema`. */
function partOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '').replace(/^schema-.*/, 'schema');
}

function isAllowedInside(layer: string, part: string, target: string): boolean {
  const parts = PARTS[layer];
  if (!parts || part === target) return true;
  const allowed = parts[part] ?? [];
  return allowed.includes('*') || allowed.includes(target);
}

/** The operation that a file or its folder is named after, in whichever layer. */
function operationOf(path: string): string | undefined {
  const names = path.replace(/\.ts$/, '').split('/');
  return OPERATION_FOLDERS.find((operation) => names.includes(operation));
}

function mayKnowOperation({ file, target }: Pick<Import, 'file' | 'target'>): boolean {
  const [own, other] = [operationOf(file), operationOf(target)];
  if (other === undefined || own === other) return true;
  return own === undefined && KNOW_OPERATIONS.some((place) => file.startsWith(place));
}

/** Groups of nodes that import each other, directly or not. */
function cyclesOf(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(edges.get(start) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(edges.get(next) ?? []));
    }
    return seen;
  };
  const reached = new Map([...edges.keys()].map((node) => [node, reach(node)]));
  const cyclic = [...edges.keys()].filter((node) => reached.get(node)?.has(node));
  const groups = cyclic.map((node) =>
    cyclic.filter((other) => reached.get(node)?.has(other) && reached.get(other)?.has(node)).sort(),
  );
  return [...new Map(groups.map((group) => [group.join(), group])).values()];
}

function graph(nodeOf: (file: string) => string): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { file, target } of files.flatMap(importsOf)) {
    const [from, to] = [nodeOf(file), nodeOf(target)];
    if (from !== to) edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  return edges;
}

/** A folder; a file that lies directly in a layer that has folders stands for itself, since it often composes them. */
function folderOf(file: string): string {
  return file.split('/').length === 2 ? file : dirname(file);
}

/** `domain, *types* of activities` → domain, types:activities. That it is only the wire schemas has a test of its own. */
function importsIn(cell: string): string[] {
  if (cell === 'nothing') return [];
  return cell
    .split(', ')
    .map((each) => each.replace('*types* of ', 'types:').replace('wire schemas of ', ''));
}

describe('the code base', () => {
  it('is found by these tests', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.flatMap(importsOf).length).toBeGreaterThan(100);
  });

  it('has only layers that the import table knows', () => {
    expect([...new Set(files.map(layerOf))].filter((layer) => !(layer in LAYERS))).toEqual([]);
  });

  it('has only parts that the tables of their layers know', () => {
    const parts = files
      .filter((file) => file.includes('/'))
      .map((file) => [layerOf(file), partOf(file)] as const);
    const unknown = parts.filter(([layer, part]) => PARTS[layer] && !(part in PARTS[layer]));
    expect([...new Set(unknown.map((each) => each.join('/')))]).toEqual([]);
  });

  it('has the layers and imports that ARCHITECTURE.md describes', () => {
    const page = readFileSync(join(SRC, '../ARCHITECTURE.md'), 'utf8');
    const [, table = ''] = /^## Layers$([^]*?)^## /m.exec(page) ?? [];
    const described = [...table.matchAll(/^\| `(\w+)` \|.*\| ([^|]+) \|$/gm)].map(
      ([, layer = '', cell = '']) => [layer, importsIn(cell).toSorted()] as const,
    );
    const layers = Object.entries(LAYERS).map(([layer, imports]) => [layer, imports.toSorted()] as const);
    expect(Object.fromEntries(described)).toEqual(Object.fromEntries(layers));
  });

  it('imports run one way', () => {
    const wrong = files.flatMap(importsOf).filter((each) => !isAllowed(each));
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  it('no operation imports another one, and nothing that they share imports any', () => {
    const wrong = files.flatMap(importsOf).filter((each) => !mayKnowOperation(each));
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
    for (const place of KNOW_OPERATIONS) expect(files.some((file) => file.startsWith(place))).toBe(true);
  });

  it('has no import cycles between files, type imports included', () => {
    expect(cyclesOf(graph((file) => file))).toEqual([]);
  });

  it('has no import cycles between folders, type imports included', () => {
    expect(cyclesOf(graph(folderOf))).toEqual([]);
  });

  it('only the ledger imports its implementation; everything else imports the port', () => {
    const wrong = files
      .flatMap(importsOf)
      .filter(
        ({ from, target }) => from !== 'ledger' && target.startsWith('ledger/') && target.endsWith('.sql.ts'),
      );
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  it('the simulator imports only the wire schemas of the CXone client', () => {
    const wrong = files
      .flatMap(importsOf)
      .filter(
        ({ from, to, target }) => from === 'simulator' && to === 'cxone' && !target.endsWith('.wire.ts'),
      );
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  it('has a place for every operation in each layer that knows operations', () => {
    for (const { stem } of Object.values(OPERATIONS)) {
      expect(files).toContain(`contract/${stem}.ts`);
      for (const layer of ['domain', 'workflows', 'activities'])
        expect(files.filter((file) => file.startsWith(`${layer}/${stem}`))).not.toEqual([]);
    }
  });

  it('does not sleep in cxone, because Temporal is the only retry authority', () => {
    const sleepers = files.filter(
      (file) => file.startsWith('cxone/') && /timers\/promises|\bsleep\(|setInterval\(/.test(read(file)),
    );
    expect(sleepers).toEqual([]);
  });

  it('builds an ApplicationFailure in the files for failures only', () => {
    const builders = files.filter((file) =>
      /ApplicationFailure\.(create|nonRetryable|retryable)|new ApplicationFailure/.test(read(file)),
    );
    expect(builders).toEqual(['activities/failures.ts', 'contract/failures.ts', 'workflows/policies.ts']);
  });

  it('has no zod and nothing of Node in what the workflows bundle', () => {
    const bundled = files.filter((file) => /^(workflows|domain|contract)/.test(file));
    const wrong = bundled.filter((file) => /from '(zod|node:|axios|pg|kysely)/.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it('has no row fields in what travels through Temporal', () => {
    const contract = files.filter((file) => file.startsWith('contract/')).map(read);
    expect(contract.join()).not.toMatch(/phoneNumber|customFields|emailAddress|toAddress/);
  });

  it('has no utils, helpers or lib', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|lib|common|misc)(\/|\.ts$)/.test(file))).toEqual(
      [],
    );
  });

  it('has no barrel: an index.ts only for all workflows, all activities and the activities of an operation', () => {
    const operations = Object.values(OPERATIONS).map(({ stem }) => `activities/${stem}/index.ts`);
    const allowed = ['activities/index.ts', 'workflows/index.ts', ...operations];
    const wrong = files.filter((file) => /(^|\/)index\.ts$/.test(file) && !allowed.includes(file));
    expect(wrong).toEqual([]);
  });

  it('has no file of more than 400 lines', () => {
    const long = files.filter((file) => read(file).split('\n').length > 400);
    expect(long).toEqual([]);
  });
});
