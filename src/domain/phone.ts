/**
 * Telephone numbers. Pure; the numbering plans come from libphonenumber-js, which is data and arithmetic
 * only.
 */
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Reason } from './run.ts';

/** Source: cxone-api.md, contactlists, record rules. */
export const E164 = /^\+[1-9]\d{1,14}$/;

/**
 * What is wrong with a number, or null. Possible means: a length that its country has. Whether the number is
 * assigned is not asked, for S1's own samples (+1 555…) would fail it. Source: reliability.md M13.
 */
export function phoneProblem(number: string): Pick<Reason, 'code' | 'message'> | null {
  if (!E164.test(number))
    return { code: 'phone_not_e164', message: 'write it as + country code number, digits only' };
  if (!parsePhoneNumberFromString(number)?.isPossible()) {
    return { code: 'phone_not_possible', message: 'no country has numbers of this code and length' };
  }
  return null;
}
