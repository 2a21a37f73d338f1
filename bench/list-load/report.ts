/** What the tables of the list load show. */
import { type ContestReport, medianPerSecond, medianSeconds } from '../contest-report.ts';

export interface LoadFigures {
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
}

export const REPORT: ContestReport<LoadFigures> = {
  unit: 'rows',
  columns: [
    { head: 'file s', cell: (figures) => medianSeconds(figures, ({ fileMs }) => fileMs) },
    {
      head: 'suppressions s',
      cell: (figures) => medianSeconds(figures, ({ suppressionsMs }) => suppressionsMs),
    },
    {
      head: 'staged rows/s',
      cell: (figures, rows) => medianPerSecond(figures, rows, ({ stagedMs }) => stagedMs),
    },
    {
      head: 'planned rows/s',
      cell: (figures, rows) => medianPerSecond(figures, rows, ({ plannedMs }) => plannedMs),
    },
    {
      head: 'uploaded rows/s',
      cell: (figures) => medianPerSecond(figures, figures[0]?.uploaded ?? 0, ({ uploadedMs }) => uploadedMs),
    },
  ],
};
