/** A command may be started before the worker, or the init container, that prepares the ledger. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../ledger/ledger.ts';
import type { Cli } from './cli.ts';
import { NotMigrated } from './errors.ts';
import { writeText } from './terminal/output.ts';

const WAIT_MS = 10_000;
const POLL_MS = 200;

/** Returns as soon as the ledger is prepared. Throws NotMigrated after ten seconds. */
export async function waitUntilPrepared(
  ledger: Pick<Ledger, 'missingMigrations'>,
  { stderr, command }: Pick<Cli, 'stderr' | 'command'>,
  waitMs = WAIT_MS,
): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (let isFirst = true; ; isFirst = false) {
    const missing = await listMissing(ledger);
    if (missing.length === 0) return;
    if (performance.now() >= deadline) throw new NotMigrated(missing, command);
    if (isFirst) writeText(stderr, 'waiting for the ledger to be prepared …\n');
    await delay(POLL_MS);
  }
}

/** Not every command needs the database. Those that do report its errors themselves. */
async function listMissing(ledger: Pick<Ledger, 'missingMigrations'>): Promise<readonly string[]> {
  return ledger.missingMigrations().catch(() => []);
}
