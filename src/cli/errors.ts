/** Errors as people read them: what happened, where, and what to do next. */
import { CommanderError } from 'commander';
import { plural } from '../domain/numbers.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** No setting names a server that the command needs. */
export class MissingAddress extends Error {
  override readonly name = 'MissingAddress';
  readonly next: string;
  constructor(what: string, variable: string, command: string) {
    super(`no ${what} is configured`);
    this.next = `set ${variable}, or run \`${command} dev\` in this folder, in another terminal`;
  }
}

/** A server does not answer. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly next: string;
  constructor(message: string, command: string, cause: unknown) {
    super(message, { cause });
    this.next = `check that it is running: \`${command} doctor\` examines the setup, \`${command} dev\` starts a local one`;
  }
}

/** The ledger lacks tables, or has those of an older version. */
export class NotMigrated extends Error {
  override readonly name = 'NotMigrated';
  readonly next: string;
  constructor(missing: readonly string[], command: string) {
    super(`the ledger is not prepared: migrations are missing (${missing.join(', ')})`);
    this.next = howToPrepare(command);
  }
}

const howToPrepare = (command: string): string =>
  `prepare it with \`${command} migrate\`, or start a worker, which does the same: \`${command} worker\``;

export interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly problems?: readonly string[];
  readonly next?: string;
  readonly code: ExitCode;
}

/** By name, so that no command has to load the modules that define these errors. */
const USAGE_ERRORS = [
  'UsageError',
  'InputError',
  'SourceError',
  'ConfigError',
  'EnvFileError',
  'TemporalSettingsError',
  'MissingTenant',
  'RunNotFound',
  'RunPurged',
  'MissingAddress',
  'TooManyColumns',
  'NotWritable',
];
const UNDEFINED_COLUMN = '42703';
const DISK_FULL = '53100';
const UNREACHABLE_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
];

/** `command`: how the user calls the program. `called`: the command that failed, such as `cxflow runs`. */
export function describeError(error: unknown, command: string, called = command): DescribedError {
  const help = `see \`${called} --help\``;
  if (error instanceof CommanderError) return describeCommanderError(error, help);
  if (error instanceof UsageError) return { ...describeOwnError(error), next: help };
  if (!(error instanceof Error)) return { type: 'Unknown', message: String(error), code: EXIT.failed };
  return describeDatabaseError(error, command) ?? describeOwnError(error);
}

function describeOwnError(error: Error): DescribedError {
  const problems = 'problems' in error && Array.isArray(error.problems) ? (error.problems as string[]) : null;
  const next = 'next' in error && typeof error.next === 'string' ? error.next : null;
  return {
    // node-postgres calls its errors `error`.
    type: error.name === 'error' ? 'DatabaseError' : error.name,
    message: error.message,
    ...(problems && { problems }),
    ...(next !== null && { next }),
    code: USAGE_ERRORS.includes(error.name) ? EXIT.usage : EXIT.failed,
  };
}

function describeCommanderError(error: CommanderError, next: string): DescribedError {
  const message = error.message.replace(/^error: /, '');
  return { type: 'UsageError', message, next, code: EXIT.usage };
}

/** node-postgres reports codes, and its messages alone do not show that the database is meant. */
function describeDatabaseError(error: Error, command: string): DescribedError | null {
  const code = errorCode(error);
  if (code === UNDEFINED_COLUMN) {
    const message = `the database and this program have different versions (${error.message})`;
    return { type: 'NotMigrated', message, next: howToPrepare(command), code: EXIT.failed };
  }
  if (code === DISK_FULL) {
    const message = 'the disk of the database is full, so nothing of this was stored';
    return { type: 'DiskFull', message, next: 'make room there, then repeat the command', code: EXIT.failed };
  }
  const isTimeout = error.message === 'timeout exceeded when trying to connect';
  if (!isTimeout && !UNREACHABLE_CODES.includes(code)) return null;
  const message = `the database does not answer (${isTimeout ? 'timeout' : code}${addressOf(error)})`;
  const next = `check DATABASE_URL, or examine the setup with \`${command} doctor\``;
  return { type: 'Unreachable', message, next, code: EXIT.failed };
}

function errorCode(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && 'code' in first ? first.code : null;
  return typeof code === 'string' ? code : '';
}

function addressOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error) || !('address' in first) || !('port' in first)) return '';
  return `, ${String(first.address)}:${String(first.port)}`;
}

/** Puts file and line in front of the problem of a setting that is from a file. */
export function locateProblem(problem: string, origins: ReadonlyMap<string, string>): string {
  const origin = origins.get(/^\w+/.exec(problem)?.[0] ?? '');
  return origin === undefined ? problem : `${origin} ${problem}`;
}

/** One line for what happened and for each problem, and one for what to do next. */
export function renderError({ message, problems = [], next }: DescribedError): string {
  const several = problems.length > 1;
  const what = several
    ? [
        `cxflow: there are ${plural(problems.length, 'problem')}:`,
        ...problems.map((problem) => `  - ${problem}`),
      ]
    : [`cxflow: ${problems[0] ?? message}`];
  return [...what, ...(next === undefined ? [] : [`  → ${next}`])].join('\n');
}
