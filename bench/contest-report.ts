/** Renders the rounds of a contest as a table for each size, with medians, and with ratios within each round. */
import Table from 'cli-table3';
import type { Figures, Measured, Round } from './contest.ts';
import type { Usage } from './machine.ts';
import { count, median, percent } from './report.ts';

/** A column of its own that a contest has beside those of all. */
export interface Column<Shown extends Figures> {
  readonly head: string;
  /** `rows`: of the file. */
  readonly cell: (figures: readonly Shown[], rows: number) => string;
}

export interface ContestReport<Shown extends Figures> {
  /** What the rows of a file are: `rows`, `recipients`. */
  readonly unit: string;
  readonly columns: readonly Column<Shown>[];
}

export function renderRounds<Shown extends Figures>(
  rounds: readonly Round<Shown>[],
  report: ContestReport<Shown>,
): string {
  const sizes = [...new Set(rounds.map(({ rows }) => rows))];
  const tables = sizes.map((rows) => {
    const same = rounds.filter((round) => round.rows === rows);
    return `\n${count(rows)} ${report.unit} (medians of ${same.length})\n${renderTable(same, report)}`;
  });
  return [...tables, ...sizes.slice(1).map((rows) => renderGrowth(rounds, sizes[0] ?? rows, rows))].join(
    '\n',
  );
}

function renderTable<Shown extends Figures>(
  rounds: readonly Round<Shown>[],
  report: ContestReport<Shown>,
): string {
  const own = report.columns.map(({ head }) => head);
  const head = ['contender', `whole ${report.unit}/s`, '÷ bare', 's/million', ...own];
  const table = new Table({
    head: [...head, 'CPU s/million', 'other', 'peak MB'],
    style: { head: [], border: [], compact: true },
  });
  for (const contender of listContenders(rounds)) table.push(renderRow(contender, rounds, report.columns));
  return table.toString();
}

function listContenders<Shown extends Figures>(rounds: readonly Round<Shown>[]): string[] {
  return [...new Set(rounds.flatMap(({ measured }) => measured.map(({ contender }) => contender)))].sort();
}

function renderRow<Shown extends Figures>(
  contender: string,
  rounds: readonly Round<Shown>[],
  columns: readonly Column<Shown>[],
): string[] {
  const rows = rounds[0]?.rows ?? 0;
  const runs = runsOf(contender, rounds);
  const figures = runs.map((run) => run.figures);
  const ratios = rounds.flatMap(({ measured }) => {
    const [ours, bare] = [contender, 'bare'].map((name) => measured.find((each) => each.contender === name));
    return ours && bare ? [bare.figures.wholeMs / ours.figures.wholeMs] : [];
  });
  return [
    contender,
    medianPerSecond(figures, rows, ({ wholeMs }) => wholeMs),
    median(ratios).toFixed(2),
    secondsPerMillion(runs, rows).toFixed(1),
    ...columns.map(({ cell }) => cell(figures, rows)),
    median(runs.map(({ usage }) => (cpuSeconds(usage) / rows) * 1_000_000)).toFixed(1),
    percent(median(runs.map(({ usage }) => usage.other))),
    String(Math.max(...runs.map((run) => run.peakMegabytes))),
  ];
}

export function medianPerSecond<Shown>(
  figures: readonly Shown[],
  n: number,
  msOf: (figures: Shown) => number,
): string {
  return count(median(figures.map((each) => (n / msOf(each)) * 1000)));
}

export function medianSeconds<Shown>(figures: readonly Shown[], msOf: (figures: Shown) => number): string {
  return (median(figures.map(msOf)) / 1000).toFixed(2);
}

function renderGrowth<Shown extends Figures>(
  rounds: readonly Round<Shown>[],
  from: number,
  to: number,
): string {
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

function runsOf<Shown extends Figures>(
  contender: string,
  rounds: readonly Round<Shown>[],
): Measured<Shown>[] {
  return rounds.flatMap(({ measured }) => measured.filter((each) => each.contender === contender));
}

function secondsPerMillion(runs: readonly { readonly figures: Figures }[], rows: number): number {
  return (median(runs.map(({ figures }) => figures.wholeMs)) * 1000) / rows;
}

/** Of everything but the vendor. The bench's own process reads the files for cxflow. */
function cpuSeconds({ seconds, cpu }: Usage): number {
  const { own = 0, postgres = 0, temporal = 0, bench = 0 } = cpu;
  return ((own + postgres + temporal + bench) / 100) * seconds;
}

/** A progress line. */
export function renderLine<Shown extends Figures>(
  { rows, round, measured }: Round<Shown>,
  { unit }: ContestReport<Shown>,
): string {
  const seconds = measured.map(
    ({ contender, figures }) => `${contender} ${(figures.wholeMs / 1000).toFixed(2)} s`,
  );
  return `${count(rows)} ${unit}, round ${round}: ${seconds.join(', ')}`;
}
