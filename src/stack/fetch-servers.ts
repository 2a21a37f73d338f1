/**
 * `node fetch-servers.js RESULT.json [--tests]`: gets the servers that are not npm packages, for scripts/setup.mjs, and
 * writes where they are. A process of its own, because the set-up script runs before any package is installed.
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
  // Not process.exitCode: the other one of the two may go on for minutes.
  process.exit(1);
}
