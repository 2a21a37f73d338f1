/** What the tables of the email send show. */
import { type ContestReport, medianPerSecond, medianSeconds } from '../contest-report.ts';

export interface SendFigures {
  /** From the file to the plan, storing its bytes included. */
  readonly stagedMs: number;
  /** Until the last message was sent, lookups included. */
  readonly sentMs: number;
  /** From then on, until it was known what became of each and the run was closed. */
  readonly followedMs: number;
  readonly wholeMs: number;
  readonly sent: number;
  /** Requests of all kinds. */
  readonly requests: number;
}

export const REPORT: ContestReport<SendFigures> = {
  unit: 'recipients',
  columns: [
    { head: 'whole s', cell: (figures) => medianSeconds(figures, ({ wholeMs }) => wholeMs) },
    { head: 'staged s', cell: (figures) => medianSeconds(figures, ({ stagedMs }) => stagedMs) },
    { head: 'sent s', cell: (figures) => medianSeconds(figures, ({ sentMs }) => sentMs) },
    { head: 'followed s', cell: (figures) => medianSeconds(figures, ({ followedMs }) => followedMs) },
    {
      head: 'sent/s',
      cell: (figures) => medianPerSecond(figures, figures[0]?.sent ?? 0, ({ sentMs }) => sentMs),
    },
    {
      head: 'requests/s',
      cell: (figures) => medianPerSecond(figures, figures[0]?.requests ?? 0, ({ wholeMs }) => wholeMs),
    },
  ],
};
