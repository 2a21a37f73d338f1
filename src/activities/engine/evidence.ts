/** Evidence that is stored beside an outcome that was not read from a plain answer. */
import type { ReasonCode } from '../../domain/reasons.ts';

/** The record exists because of our own write, or it existed before: nobody can tell any more. */
export const OWN_OR_EXISTING = 'own_write_or_existing' satisfies ReasonCode;
