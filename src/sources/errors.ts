/** Why a source as a whole cannot be read. A single bad row is not an error: it becomes a broken row. */

export type SourceErrorCode =
  | 'source_missing'
  | 'source_empty'
  | 'source_binary'
  | 'source_unclosed_quote'
  | 'source_format_unknown'
  | 'source_no_header'
  | 'source_duplicate_column'
  | 'source_encoding'
  | 'source_is_directory'
  | 'source_not_a_file'
  | 'source_broken_json'
  | 'source_too_many_columns'
  | 'source_too_large'
  | 'source_broken_workbook'
  | 'source_sheet'
  | 'source_unreadable';

/** The message says what is wrong, where, and what to do. It may contain names of files, sheets and columns, never a value. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly code: SourceErrorCode;
  /** 1-based line of the source, if the problem is in one line. */
  readonly line?: number;

  constructor(
    code: SourceErrorCode,
    message: string,
    options: { readonly line?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.line !== undefined) this.line = options.line;
  }
}
