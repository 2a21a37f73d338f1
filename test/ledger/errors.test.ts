import { describe, expect, it } from 'vitest';
import {
  classifyLedgerError,
  isRolledBack,
  isTransient,
  type LedgerErrorKind,
} from '../../src/ledger/errors.ts';

const withCode = (code: string) => Object.assign(new Error('secret row'), { code });

const CODES: Readonly<Record<LedgerErrorKind, readonly string[]>> = {
  unavailable: [
    ...['08006', '57P01', '57P03', '57P05', '53300', '53100', '58030', '25006', '25P03', '40003'],
    ...['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'EAI_AGAIN'],
  ],
  contended: ['40001', '40P01', '55P03', '55006'],
  outdated: ['42883'],
  denied: ['28P01', '28000', '3D000', '42501', '57P04'],
  exhausted: ['57014', '53200', '53400', '25P04'],
  permanent: [
    ...['22001', '22003', '22008', '22021', '22P02', '22P05', '23502', '23503', '23505', '23514', '40002'],
    ...['42P01', '54000', '54001', '55000', 'P0001', 'XX000', 'ENOENT', '', 'EBADF', 'ABORT'],
  ],
};

describe('errors of the ledger', () => {
  it.each(Object.entries(CODES).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)))(
    '%s is %s',
    (code, kind) => expect(classifyLedgerError(withCode(code))).toBe(kind),
  );

  it('only those that waiting cures are transient', () => {
    for (const [kind, codes] of Object.entries(CODES)) {
      const isCured = kind === 'unavailable' || kind === 'contended' || kind === 'outdated';
      for (const code of codes) expect(isTransient(withCode(code)), code).toBe(isCured);
    }
  });

  it('after an error that the server did not report for the transaction, it may have been committed', () => {
    for (const code of ['08006', '57P01', '40003', 'ECONNRESET'])
      expect(isRolledBack(withCode(code))).toBe(false);
    for (const code of ['40001', '55P03', '57014', '23505', '22008', 'P0001'])
      expect(isRolledBack(withCode(code))).toBe(true);
  });

  it('42883 about an operator is a mistake of ours', () => {
    const error = Object.assign(new Error('operator does not exist: text + text'), { code: '42883' });
    expect(classifyLedgerError(error)).toBe('permanent');
  });

  it('the errors of several addresses count as one that is not permanent', () => {
    const errors = new AggregateError([withCode('X'), withCode('ECONNREFUSED')]);
    expect(classifyLedgerError(errors)).toBe('unavailable');
    expect(classifyLedgerError('text')).toBe('permanent');
  });
});
