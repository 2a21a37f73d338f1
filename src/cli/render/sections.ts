/** Parts of what is shown of a run that only its operation has, for the terminal and for the report. Pure. */
import { wrapText } from '../terminal/format.ts';
import { printable } from '../terminal/sanitize.ts';
import { type Column, renderTable } from '../terminal/table.ts';

/** A table; the first column says what each line is about. */
export interface Section {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** The last row is the sum of the others. */
  readonly hasTotal?: boolean;
  /** For each row: a bar in the report. */
  readonly bars?: readonly Bar[];
  /** A sentence about what the numbers mean. */
  readonly note?: string;
}

export interface Bar {
  /** From 0 to 1. */
  readonly share: number;
  /** A class in the style sheet of the report. */
  readonly colour: 'good' | 'other' | 'bad' | 'none';
}

export interface OperationReport {
  /** Further fields of the JSON document. Without personal data. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The outcome in short: also shown when the run ends. */
  readonly summary: readonly Section[];
  readonly details: readonly Section[];
  /** For the report. */
  readonly curves: readonly Curves[];
}

/** Numbers over time. */
export interface Curves {
  readonly title: string;
  /** For screen readers. */
  readonly description: string;
  readonly unit: string;
  /** ms since 1970, like those of the points. */
  readonly from: number;
  readonly to: number;
  readonly series: readonly {
    readonly name: string;
    readonly colour: 'line' | 'high';
    readonly points: readonly { readonly at: number; readonly value: number }[];
  }[];
}

const NOTE_COLUMNS = 76;

export function renderSection({ title, columns, rows, note }: Section): string {
  const cells = rows.map((row) => row.map(printable));
  const notes = note === undefined ? [] : wrapText(note, NOTE_COLUMNS).map((line) => `  ${line}`);
  return [title, renderTable(columns, cells), ...notes].join('\n');
}

export function listSections(report: OperationReport | null): readonly Section[] {
  return report === null ? [] : [...report.summary, ...report.details];
}
