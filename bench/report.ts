/** Renders rounds as tables, with medians, and with ratios within each round. */
import Table from 'cli-table3';
import type { Measured, Round } from './throughput.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  return (low + high) / 2;
}

const COLUMNS = [
  'contender',
  'records/s',
  'lowest–highest',
  '÷ bare',
  's/million',
  'CPU s/million',
  'CPU own',
  'PostgreSQL',
  'Temporal',
  'vendor',
  'other',
  'peak MB',
  'PG/Temporal/vendor MB',
  'events',
  'start s',
  'whole s',
];

/** One table per setting. */
export function renderRounds(rounds: readonly Round[]): string {
  const settings = new Map<string, Round[]>();
  for (const round of rounds) {
    const { records, latencyMs, concurrency } = round;
    const name = `${records.toLocaleString('en')} records, ${latencyMs} ms, ${concurrency} in flight`;
    settings.set(name, [...(settings.get(name) ?? []), round]);
  }
  return [...settings]
    .map(([name, same]) => `\n${name} (medians of ${same.length})\n${renderTable(same)}`)
    .join('\n');
}

function renderTable(rounds: readonly Round[]): string {
  const table = new Table({ head: COLUMNS, style: { head: [], border: [], compact: true } });
  const names = ['bare', 'sequential', ...listContenders(rounds)];
  for (const name of [...new Set(names)]) table.push(renderRow(name, rounds));
  return table.toString();
}

const listContenders = (rounds: readonly Round[]): string[] =>
  (rounds[0]?.measured ?? []).map(({ contender }) => contender).sort();

function renderRow(name: string, rounds: readonly Round[]): string[] {
  const runs = rounds.flatMap(({ measured }) => measured.filter(({ contender }) => contender === name));
  const speeds = runs.map(({ recordsPerSecond }) => recordsPerSecond);
  const cpu = (process: string) => percent(median(runs.map(({ usage }) => usage.cpu[process] ?? 0)));
  const ratios = rounds.map(({ measured }) => findSpeed(measured, name) / findSpeed(measured, 'bare'));
  const events = runs.flatMap((each) => each.events ?? []);
  const seconds = (all: readonly number[]) => (all.length === 0 ? '' : (median(all) / 1000).toFixed(2));
  return [
    name,
    count(median(speeds)),
    `${count(Math.min(...speeds))}–${count(Math.max(...speeds))}`,
    median(ratios).toFixed(2),
    (1_000_000 / median(speeds)).toFixed(1),
    median(runs.map(cpuSecondsPerMillion)).toFixed(1),
    cpu('own'),
    cpu('postgres'),
    cpu('temporal'),
    cpu('vendor'),
    percent(median(runs.map(({ usage }) => usage.other))),
    String(Math.max(...runs.map((each) => each.peakMegabytes))),
    renderServerMemory(runs),
    events.length === 0 ? '' : String(median(events)),
    seconds(runs.flatMap((each) => each.startMs ?? [])),
    seconds(runs.flatMap((each) => each.wholeMs ?? [])),
  ];
}

function renderServerMemory(runs: readonly Measured[]): string {
  const most = (server: keyof Measured['serverMegabytes']) =>
    Math.max(...runs.map(({ serverMegabytes }) => serverMegabytes[server]));
  return [most('postgres'), most('temporal'), most('vendor')].join(' / ');
}

/** Includes PostgreSQL and Temporal. On a busy machine this is the most reliable figure. */
function cpuSecondsPerMillion({ usage, recordsPerSecond }: Measured): number {
  const { own = 0, postgres = 0, temporal = 0 } = usage.cpu;
  return ((own + postgres + temporal) / 100 / recordsPerSecond) * 1_000_000;
}

function findSpeed(measured: readonly Measured[], name: string): number {
  return measured.find(({ contender }) => contender === name)?.recordsPerSecond ?? Number.NaN;
}

export const count = (n: number): string => Math.round(n).toLocaleString('en');
export const percent = (n: number): string => `${Math.round(n)} %`;

/** A progress line. */
export function renderLine({ records, latencyMs, concurrency, round, measured }: Round): string {
  const speeds = measured.map(({ contender, recordsPerSecond }) => `${contender} ${count(recordsPerSecond)}`);
  const other = percent(median(measured.map(({ usage }) => usage.other)));
  return `${records} × ${latencyMs} ms × ${concurrency}, round ${round}: ${speeds.join(', ')} (other ${other})`;
}
