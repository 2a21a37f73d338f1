/** The rows of a checked file with a given answer, as record files (docs/adr/0013-sources-and-files.md#exported-files). */
import type { EligibilityListResult } from '../../contract/consent.ts';
import { RAW_COLUMN } from '../../domain/columns.ts';
import type { SourceLimits } from '../../domain/source-limits.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Dataset } from '../../ledger/runs/datasets.ts';
import { type Chunks, type FileRow, formatRows, type RecordFormat } from '../../queries/record-files.ts';
import type { SourceFormat } from '../../sources/format.ts';
import { openSource } from '../../sources/open.ts';

export interface JudgedFile {
  readonly ledger: Pick<Ledger, 'datasets' | 'eligibilityResults'>;
  /** The staged bytes, because the file itself may have changed since the check. */
  readonly source: Dataset;
  /** The limits of the check, because other limits would make other rows malformed. */
  readonly limits: SourceLimits;
  readonly result: EligibilityListResult;
  readonly isEligible: boolean;
  readonly format: RecordFormat;
}

export async function* formatJudgedRows(file: JudgedFile): Chunks {
  const { result, isEligible, format } = file;
  const first = await openStaged(file);
  await first.close();
  const hasMalformed = !isEligible && Object.keys(result.ineligible).some((code) => code.startsWith('row_'));
  const columns = first.columns && hasMalformed ? [...first.columns, RAW_COLUMN] : first.columns;
  yield* formatRows({ columns, rows: () => readJudgedRows(file), format });
}

function openStaged({ ledger, source, limits }: JudgedFile) {
  const options = { name: source.name, format: source.format as SourceFormat, limits };
  return openSource(ledger.datasets.read(source.id), options);
}

/** The ledger has one verdict for every row, in the order of the rows. */
async function* readJudgedRows(file: JudgedFile): AsyncIterable<FileRow> {
  const { ledger, result, isEligible } = file;
  const verdicts = ledger.eligibilityResults.list(result.checkId)[Symbol.asyncIterator]();
  for await (const { line, fields, shown, raw } of (await openStaged(file)).rows()) {
    const verdict = await verdicts.next();
    if (verdict.done === true) throw new Error(`check ${result.checkId} has no verdict for line ${line}`);
    const { eligible, reason } = verdict.value;
    if (eligible !== isEligible) continue;
    const outcome = eligible ? 'eligible' : 'ineligible';
    yield {
      line,
      fields: fields ?? shown ?? { [RAW_COLUMN]: raw ?? '' },
      outcome,
      reasons: [{ code: reason }],
    };
  }
}
