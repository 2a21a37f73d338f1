/** The rows of a checked file, parted by what was found: the source's own columns and three of ours (decisions.md 6). */
import type { EligibilityListResult } from '../../contract/consent.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { Dataset } from '../../ledger/runs/datasets.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SourceFormat } from '../../sources/format.ts';
import { openSource } from '../../sources/open.ts';
import { type FileRow, RAW, type RecordFormat, rowsAsText } from '../../queries/record-files.ts';

export interface JudgedFile {
  readonly ledger: Pick<Ledger, 'datasets' | 'eligibilityResults'>;
  /** The same bytes that were checked: the file itself may have changed since. */
  readonly source: Dataset;
  /** Of the operator, as they were when it was checked: other rows would be broken. */
  readonly limits: SourceLimits;
  readonly result: EligibilityListResult;
  readonly isEligible: boolean;
  readonly format: RecordFormat;
}

export async function* judgedFile(file: JudgedFile): AsyncIterable<string> {
  const { ledger, limits, source, result, isEligible, format } = file;
  const open = () =>
    openSource(ledger.datasets.read(source.id), {
      name: source.name,
      format: source.format as SourceFormat,
      limits,
    });
  const first = await open();
  await first.close();
  const hasBroken = !isEligible && Object.keys(result.ineligible).some((code) => code.startsWith('row_'));
  const columns = first.columns && hasBroken ? [...first.columns, RAW] : first.columns;
  async function* rows(): AsyncIterable<FileRow> {
    const verdicts = ledger.eligibilityResults.list(result.checkId)[Symbol.asyncIterator]();
    for await (const { line, fields, raw } of (await open()).rows()) {
      const verdict = await verdicts.next();
      if (verdict.done === true) throw new Error(`check ${result.checkId} has no answer for line ${line}`);
      const { eligible, reason } = verdict.value;
      if (eligible !== isEligible) continue;
      const outcome = eligible ? 'eligible' : 'ineligible';
      yield { line, fields: fields ?? { [RAW]: raw ?? '' }, outcome, reasons: [{ code: reason }] };
    }
  }
  yield* rowsAsText({ columns, rows, format });
}
