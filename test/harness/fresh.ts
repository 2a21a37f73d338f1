/** A new database and an unused namespace on the servers that the whole test run shares. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { createDatabase } from '../../src/stack/postgres.ts';

/** The URL of a new, empty database. */
export function freshDatabase(): Promise<string> {
  return createDatabase(inject('databaseUrl'), `test_${randomBytes(6).toString('hex')}`);
}

/** A namespace with cxflow's search attributes that no other test of this run uses. */
export function freshNamespace(): string {
  const free = inject('namespaces').find(claim);
  if (!free) throw new Error('all namespaces are in use: add some in test/harness/global-servers.ts');
  return free;
}

/** Test files run in separate processes, so the process that creates the file has claimed the namespace. */
function claim(namespace: string): boolean {
  try {
    writeFileSync(join(inject('namespaceFolder'), namespace), String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
