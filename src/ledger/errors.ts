/**
 * What an error of the ledger means for whoever called it. This is the only place that classifies errors of PostgreSQL:
 * by SQLSTATE where the server sent one, else by the errno or the message of the driver.
 *
 * | kind | what happened | what follows |
 * |---|---|---|
 * | `unavailable` | the server is down, full or unreachable; the transaction may have been committed | repeat for as long as it lasts |
 * | `contended` | a deadlock, a serialization failure or a lock timeout; rolled back | repeat |
 * | `outdated` | a newer worker has migrated the ledger | repeat until this worker is replaced |
 * | `denied` | login, database or permission are missing | repeat until an administrator has restored them |
 * | `exhausted` | the statement exceeded its time or memory; rolled back | repeat a few times: the same may happen again |
 * | `permanent` | a value, a constraint, or a mistake in our SQL; rolled back | never repeat: it would fail in the same way |
 */
export type LedgerErrorKind = 'unavailable' | 'contended' | 'outdated' | 'denied' | 'exhausted' | 'permanent';

/** By the whole SQLSTATE, otherwise by its class (the first two characters). What is not listed is `permanent`. */
const KIND_OF_STATE: Readonly<Record<string, LedgerErrorKind>> = {
  // A connection that broke, or could not be made.
  '08': 'unavailable',
  // Read-only mode, after a promotion or on a full disk.
  '25006': 'unavailable',
  // A transaction that was idle for too long. It is rolled back, but the session is gone with it.
  '25P03': 'unavailable',
  '25P04': 'exhausted',
  '28': 'denied',
  '3D': 'denied',
  '40001': 'contended',
  '40P01': 'contended',
  // The server does not know whether the statement was completed.
  '40003': 'unavailable',
  '42501': 'denied',
  // A migration of a newer worker has removed or changed a function that this worker calls.
  '42883': 'outdated',
  // No disk space, no memory, no more connections.
  '53': 'unavailable',
  // One statement wanted more memory, or more temporary space, than it may have.
  '53200': 'exhausted',
  '53400': 'exhausted',
  '55006': 'contended',
  '55P03': 'contended',
  // Shutdown, restart, recovery.
  '57': 'unavailable',
  // A statement was cancelled, most often by its timeout.
  '57014': 'exhausted',
  '57P04': 'denied',
  // An I/O error.
  '58': 'unavailable',
};

const UNAVAILABLE_ERRNO = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
];
/** Errors of node-postgres that have no code. */
const UNAVAILABLE_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered',
  'Client was closed',
];

/** Anything that is not an error of the ledger is `permanent` as well. */
export function classifyLedgerError(error: unknown): LedgerErrorKind {
  // One error for each address of the server.
  if (error instanceof AggregateError)
    return error.errors.map(classifyLedgerError).find((kind) => kind !== 'permanent') ?? 'permanent';
  if (!(error instanceof Error)) return 'permanent';
  const state = sqlState(error);
  // A missing operator has the code of a missing function, but is a mistake in our SQL.
  if (state === '42883' && error.message.startsWith('operator')) return 'permanent';
  if (state !== null) return KIND_OF_STATE[state] ?? KIND_OF_STATE[state.slice(0, 2)] ?? 'permanent';
  const isUnavailable =
    UNAVAILABLE_ERRNO.includes(errorCode(error)) ||
    UNAVAILABLE_MESSAGES.some((text) => error.message.startsWith(text));
  return isUnavailable ? 'unavailable' : 'permanent';
}

/** It passes by itself, as far as this process is concerned. */
export function isTransient(error: unknown): boolean {
  return ['unavailable', 'contended', 'outdated'].includes(classifyLedgerError(error));
}

/** Certainly not committed: the parts of a transaction may be repeated one by one, at once. */
export function isRolledBack(error: unknown): boolean {
  return ['contended', 'exhausted', 'permanent'].includes(classifyLedgerError(error));
}

/**
 * The SQLSTATE that the server sent, or null. It has five characters, of which the first two are its class. An errno of the
 * same length, such as EPIPE, is not one.
 */
export function sqlState(error: unknown): string | null {
  const code = error instanceof Error ? errorCode(error) : '';
  return /^[0-9A-Z]{5}$/.test(code) && !UNAVAILABLE_ERRNO.includes(code) ? code : null;
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
