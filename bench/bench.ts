/** `npm run bench`: measures the figures of docs/benchmarks.md. */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { inspect } from 'node:util';
import { measureKill } from './kill.ts';
import { measureLimit } from './limit.ts';
import { readOptions, USAGE } from './options.ts';
import { renderLine, renderRounds } from './report.ts';
import { measureSteer } from './steer.ts';
import { measureThroughput, type Round } from './throughput.ts';

if (process.argv.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const options = readOptions(process.argv.slice(2));
const gigabytes = Math.round(totalmem() / 2 ** 30);
const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${gigabytes} GB, Node ${process.version}`;
const load = (): string =>
  `load average ${loadavg()
    .map((n) => n.toFixed(1))
    .join(' ')}`;
process.stderr.write(`${machine}, ${load()}\n`);

const writeJson = (figures: unknown): void => {
  if (options.json) writeFileSync(options.json, JSON.stringify({ machine, options, figures }, null, 1));
};

if (options.scene === 'throughput') {
  const rounds: Round[] = [];
  await measureThroughput(options, (round) => {
    rounds.push(round);
    writeJson(rounds);
    process.stderr.write(`${renderLine(round)}, ${load()}\n`);
  });
  process.stdout.write(`${machine}, ${load()} at the end\n${renderRounds(rounds)}\n`);
} else {
  const measure = { limit: measureLimit, kill: measureKill, steer: measureSteer }[options.scene];
  const figures = await measure(options);
  writeJson(figures);
  process.stdout.write(`${machine}\n${inspect(figures, { depth: 5, compact: 2 })}\n`);
}
