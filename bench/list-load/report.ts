/** Renders the rounds of the list load as a table for each size. */
import Table from 'cli-table3';
import type { Usage } from '../machine.ts';
import { count, median, percent } from '../report.ts';

export interface Measured {
  readonly contender: string;
  /** Reading the file and storing its bytes, before the run starts; the bare script does not do that. */
  readonly fileMs: number;
  /** Reading the suppression list. */
  readonly suppressionsMs: number;
  /** Without that. */
  readonly stagedMs: number;
  readonly plannedMs: number;
  readonly uploadedMs: number;
  /** All of it, from the file to the result. */
  readonly wholeMs: number;
  /** Records that were sent. */
  readonly uploaded: number;
  readonly usage: Usage;
  readonly peakMegabytes: number;
}

export interface Round {
  readonly rows: number;
  readonly round: number;
  readonly measured: readonly Measured[];
}

const COLUMNS = [
  ...['contender', 'whole rows/s', '÷ bare', 's/million', 'file s', 'suppressions s'],
  ...['staged rows/s', 'planned rows/s', 'uploaded rows/s', 'CPU s/million', 'other', 'peak MB'],
];

export function renderRounds(rounds: readonly Round[]): string {
  const sizes = [...new Set(rounds.map(({ rows }) => rows))];
  const tables = sizes.map((rows) => {
    const same = rounds.filter((round) => round.rows === rows);
    return `\n${count(rows)} rows (medians of ${same.length})\n${renderTable(same)}`;
  });
  return [...tables, ...sizes.slice(1).map((rows) => renderGrowth(rounds, sizes[0] ?? rows, rows))].join(
    '\n',
  );
}

function renderTable(rounds: readonly Round[]): string {
  const table = new Table({ head: COLUMNS, style: { head: [], border: [], compact: true } });
  for (const contender of listContenders(rounds)) table.push(renderRow(contender, rounds));
  return table.toString();
}

const listContenders = (rounds: readonly Round[]): string[] =>
  [...new Set(rounds.flatMap(({ measured }) => measured.map(({ contender }) => contender)))].sort();

function renderRow(contender: string, rounds: readonly Round[]): string[] {
  const rows = rounds[0]?.rows ?? 0;
  const runs = runsOf(contender, rounds);
  const perSecond = (n: number, ms: (run: Measured) => number) =>
    count(median(runs.map((run) => (n / ms(run)) * 1000)));
  const seconds = (ms: (run: Measured) => number) => (median(runs.map(ms)) / 1000).toFixed(2);
  const ratios = rounds.flatMap(({ measured }) => {
    const [ours, bare] = [contender, 'bare'].map((name) => measured.find((each) => each.contender === name));
    return ours && bare ? [bare.wholeMs / ours.wholeMs] : [];
  });
  return [
    contender,
    perSecond(rows, (run) => run.wholeMs),
    median(ratios).toFixed(2),
    secondsPerMillion(runs, rows).toFixed(1),
    seconds(({ fileMs }) => fileMs),
    seconds(({ suppressionsMs }) => suppressionsMs),
    perSecond(rows, (run) => run.stagedMs),
    perSecond(rows, (run) => run.plannedMs),
    perSecond(runs[0]?.uploaded ?? 0, (run) => run.uploadedMs),
    median(runs.map(({ usage }) => (cpuSeconds(usage) / rows) * 1_000_000)).toFixed(1),
    percent(median(runs.map(({ usage }) => usage.other))),
    String(Math.max(...runs.map((run) => run.peakMegabytes))),
  ];
}

function renderGrowth(rounds: readonly Round[], from: number, to: number): string {
  const at = (rows: number, contender: string) =>
    secondsPerMillion(
      runsOf(
        contender,
        rounds.filter((round) => round.rows === rows),
      ),
      rows,
    );
  const ratios = listContenders(rounds).map(
    (contender) => `${contender} ${(at(to, contender) / at(from, contender)).toFixed(2)}`,
  );
  return `\nSeconds per million at ${count(to)} ÷ at ${count(from)}: ${ratios.join(', ')}`;
}

const runsOf = (contender: string, rounds: readonly Round[]): Measured[] =>
  rounds.flatMap(({ measured }) => measured.filter((each) => each.contender === contender));

const secondsPerMillion = (runs: readonly Measured[], rows: number): number =>
  (median(runs.map(({ wholeMs }) => wholeMs)) * 1000) / rows;

/** Of everything but the vendor. The bench's own process reads the files for cxflow. */
function cpuSeconds({ seconds, cpu }: Usage): number {
  const { own = 0, postgres = 0, temporal = 0, bench = 0 } = cpu;
  return ((own + postgres + temporal + bench) / 100) * seconds;
}

/** A progress line. */
export function renderLine({ rows, round, measured }: Round): string {
  const seconds = measured.map(({ contender, wholeMs }) => `${contender} ${(wholeMs / 1000).toFixed(2)} s`);
  return `${count(rows)} rows, round ${round}: ${seconds.join(', ')}`;
}
