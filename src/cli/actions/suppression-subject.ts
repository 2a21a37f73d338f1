/** Whom an argument of `cxflow suppressions` names. */
import { lacksCountryCode } from '../../domain/consent/suppression-rows.ts';
import { UsageError } from '../errors.ts';

export const SUBJECT_NAMES = {
  email: 'email address',
  phone: 'phone number',
  contactId: 'contact id',
} as const;

/** Throws UsageError, without the text, if it is a phone number of no known country. */
export function checkSubject(about: string): void {
  if (lacksCountryCode(about))
    throw new UsageError('a phone number needs its country code: write it as + and country code and number');
}
