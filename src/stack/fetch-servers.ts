/**
 * `fetch-servers RESULT.json [--tests]`: for scripts/setup.mjs, fetches the servers that are not npm packages and writes
 * their paths to a file. A separate process, because the set-up script starts before any package is installed.
 */
import { writeFileSync } from 'node:fs';
import { findTemporal } from './temporal-binary.ts';
import { findTimeSkippingServer } from './time-skipping-server.ts';

const [resultFile = '', ...flags] = process.argv.slice(2);
const log = (line: string) => process.stderr.write(`setup: ${line}\n`);

try {
  const [temporal, testServer] = await Promise.all([
    findTemporal({ log }),
    flags.includes('--tests') ? findTimeSkippingServer({ log }) : null,
  ]);
  writeFileSync(resultFile, JSON.stringify({ temporal, testServer }));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  // Not process.exitCode: the other of the two searches may continue for minutes.
  process.exit(1);
}
