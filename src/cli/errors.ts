/** Errors for people: what, where, what to do next. No stack traces unless CXFLOW_DEBUG=1. */
import { CommanderError } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** The command was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something that a command cannot do without has no address. */
export class MissingAddress extends Error {
  override readonly name = 'MissingAddress';
  readonly next: string;
  constructor(what: string, variable: string, command: string) {
    super(`no ${what}`);
    this.next = `set ${variable}, or run \`${command} dev\` in another terminal`;
  }
}

/** A server that should be there does not answer. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly next: string;
  constructor(message: string, command: string, cause: unknown) {
    super(message, { cause });
    this.next = `is it running? \`${command} doctor\` looks at everything, \`${command} dev\` starts all of it`;
  }
}

export interface Described {
  readonly type: string;
  readonly message: string;
  readonly problems?: readonly string[];
  readonly next?: string;
  readonly code: ExitCode;
}

/** By name, so that no command has to load the room that an error comes from. */
const USAGE_ERRORS = [
  'UsageError',
  'InputError',
  'SourceError',
  'ConfigError',
  'RunNotFound',
  'MissingAddress',
];
const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';
const UNREACHABLE_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
];

export function describeError(error: unknown, command: string): Described {
  if (error instanceof CommanderError) return describeCommander(error, command);
  if (!(error instanceof Error)) return { type: 'Unknown', message: String(error), code: EXIT.failed };
  return describeDatabase(error, command) ?? describeOwn(error);
}

function describeOwn(error: Error): Described {
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

function describeCommander(error: CommanderError, command: string): Described {
  const message = error.message.replace(/^error: /, '');
  return { type: 'UsageError', message, next: `\`${command} help\` shows what there is`, code: EXIT.usage };
}

/** node-postgres gives codes; its messages alone do not say that it is the database that is away. */
function describeDatabase(error: Error, command: string): Described | null {
  const code = codeOf(error);
  if (code === UNDEFINED_TABLE) {
    const message = 'the database has not been prepared: its tables are missing';
    return {
      type: 'NotMigrated',
      message,
      next: `start a worker: \`${command} worker\` prepares it`,
      code: EXIT.failed,
    };
  }
  if (code === UNDEFINED_COLUMN) {
    const message = `the database and this program are not of the same version (${error.message})`;
    const next = `start the newest worker: \`${command} worker\` migrates the database`;
    return { type: 'NotMigrated', message, next, code: EXIT.failed };
  }
  const isTimeout = error.message === 'timeout exceeded when trying to connect';
  if (!isTimeout && !UNREACHABLE_CODES.includes(code)) return null;
  const message = `the database does not answer (${isTimeout ? 'timeout' : code}${whereOf(error)})`;
  return {
    type: 'Unreachable',
    message,
    next: `check DATABASE_URL, or ask \`${command} doctor\``,
    code: EXIT.failed,
  };
}

function codeOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && 'code' in first ? first.code : null;
  return typeof code === 'string' ? code : '';
}

function whereOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error) || !('address' in first) || !('port' in first)) return '';
  return `, ${String(first.address)}:${String(first.port)}`;
}

/** Two lines or a few more: what, each problem, what next. */
export function renderError({ message, problems = [], next }: Described): string {
  const several = problems.length > 1;
  const what = several
    ? [`cxflow: there are ${problems.length} problems:`, ...problems.map((p) => `  - ${p}`)]
    : [`cxflow: ${problems[0] ?? message}`];
  return [...what, ...(next === undefined ? [] : [`  → ${next}`])].join('\n');
}
