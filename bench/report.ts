/** Rounds as tables: medians, and ratios of the same round. */
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
  'foreign',
  'peak MB',
  'PG/Temporal/vendor MB',
  'events',
  'start s',
  'whole s',
];

/** One table for each setting. */
export function describeRounds(rounds: readonly Round[]): string {
  const settings = new Map<string, Round[]>();
  for (const round of rounds) {
    const { records, latencyMs, concurrency } = round;
    const name = `${records.toLocaleString('en')} records, ${latencyMs} ms, ${concurrency} in flight`;
    settings.set(name, [...(settings.get(name) ?? []), round]);
  }
  return [...settings].map(([name, of]) => `\n${name} (medians of ${of.length})\n${tableOf(of)}`).join('\n');
}

function tableOf(rounds: readonly Round[]): string {
  const table = new Table({ head: COLUMNS, style: { head: [], border: [], compact: true } });
  const names = ['bare', 'sequential', ...namesOf(rounds)];
  for (const name of [...new Set(names)]) table.push(rowOf(name, rounds));
  return table.toString();
}

const namesOf = (rounds: readonly Round[]): string[] =>
  (rounds[0]?.measured ?? []).map(({ contender }) => contender).sort();

function rowOf(name: string, rounds: readonly Round[]): string[] {
  const mine = rounds.flatMap(({ measured }) => measured.filter(({ contender }) => contender === name));
  const speeds = mine.map(({ recordsPerSecond }) => recordsPerSecond);
  const cpu = (process: string) => percent(median(mine.map(({ usage }) => usage.cpu[process] ?? 0)));
  const ratios = rounds.map(({ measured }) => speedOf(measured, name) / speedOf(measured, 'bare'));
  const events = mine.flatMap((each) => each.events ?? []);
  const seconds = (all: readonly number[]) => (all.length === 0 ? '' : (median(all) / 1000).toFixed(2));
  return [
    name,
    count(median(speeds)),
    `${count(Math.min(...speeds))}–${count(Math.max(...speeds))}`,
    median(ratios).toFixed(2),
    (1_000_000 / median(speeds)).toFixed(1),
    median(mine.map(cpuSecondsPerMillion)).toFixed(1),
    cpu('own'),
    cpu('postgres'),
    cpu('temporal'),
    cpu('vendor'),
    percent(median(mine.map(({ usage }) => usage.foreign))),
    String(Math.max(...mine.map((each) => each.peakMegabytes))),
    serversOf(mine),
    events.length === 0 ? '' : String(median(events)),
    seconds(mine.flatMap((each) => each.startMs ?? [])),
    seconds(mine.flatMap((each) => each.wholeMs ?? [])),
  ];
}

function serversOf(mine: readonly Measured[]): string {
  const most = (server: keyof Measured['serverMegabytes']) =>
    Math.max(...mine.map(({ serverMegabytes }) => serverMegabytes[server]));
  return [most('postgres'), most('temporal'), most('vendor')].join(' / ');
}

/** Of the contender and of what works for it; on a busy machine the figure that holds. */
function cpuSecondsPerMillion({ usage, recordsPerSecond }: Measured): number {
  const { own = 0, postgres = 0, temporal = 0 } = usage.cpu;
  return ((own + postgres + temporal) / 100 / recordsPerSecond) * 1_000_000;
}

function speedOf(measured: readonly Measured[], name: string): number {
  return measured.find(({ contender }) => contender === name)?.recordsPerSecond ?? Number.NaN;
}

const count = (n: number): string => Math.round(n).toLocaleString('en');
const percent = (n: number): string => `${Math.round(n)} %`;

/** One line while it runs. */
export function lineOf({ records, latencyMs, concurrency, round, measured }: Round): string {
  const speeds = measured.map(({ contender, recordsPerSecond }) => `${contender} ${count(recordsPerSecond)}`);
  const foreign = percent(median(measured.map(({ usage }) => usage.foreign)));
  return `${records} × ${latencyMs} ms × ${concurrency}, round ${round}: ${speeds.join(', ')} (foreign ${foreign})`;
}
