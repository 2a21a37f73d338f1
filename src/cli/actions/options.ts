/** Options as the command line gives them. */
import type { Channel, ConsentPolicy } from '../../contract/consent.ts';
import type { Notify, OnInDoubt, SourceEncoding, SourceFormat } from '../../contract/run.ts';

/** How a file is read. */
export interface FileOptions {
  readonly map?: Readonly<Record<string, string>>;
  readonly format?: SourceFormat;
  readonly encoding?: SourceEncoding;
  readonly sheet?: string;
}

/** Options of every run. */
export interface RunOptions {
  readonly id?: string;
  readonly dryRun?: boolean;
  readonly approval?: boolean;
  readonly approvalDeadline?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly requestedBy: string;
}

/** Options of a run that reads a file, or the records of an earlier run. */
export interface SourceRunOptions extends FileOptions, RunOptions {
  readonly onInDoubt?: OnInDoubt;
  readonly inDoubtDeadline?: string;
  readonly again?: boolean;
  readonly notify?: Notify;
  readonly retryOf?: string;
}

export interface CheckOptions extends FileOptions {
  readonly contact?: string;
  readonly channel?: Channel;
  readonly policy?: ConsentPolicy;
  readonly optInStatus?: 'confirmed' | 'pending';
  readonly timeZone?: string;
  readonly out?: string;
  readonly json?: boolean;
}
