/** Phone numbers. Pure: libphonenumber-js only adds numbering plans. */
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { withoutInvisible } from './invisible.ts';
import type { Reason } from './run.ts';

/** Columns with phone numbers, besides those that an operation has a name of its own for. */
export const PHONE_FIELDS: readonly string[] = [
  'phone',
  ...Array.from({ length: 9 }, (_, i) => `phone${i + 1}`),
];

export const E164 = /^\+[1-9]\d{1,14}$/;

/**
 * Numbers of the North American plan have ten digits after `+1`, and no prefix that could be among them. Most records here have
 * such a number, and parsing it would take most of the time of reading a row.
 */
const NORTH_AMERICAN = /^\+1[2-9]\d{9}$/;

/** `1.41556E+10` */
const SHORTENED = /^[+-]?\d+(?:[.,]\d+)?e\+?\d+$/i;

/**
 * What is wrong with a number; null: nothing. It must have a country code and a length that the country uses, and be the form in
 * which the country's numbers are written after `+`: `+4402070313000`, from `+44 (0)20 …`, would be another identity of the same
 * line. Whether it is assigned is not checked, because then the tutorial's own samples (+1 555…) would be refused
 * (docs/cxone-contract.md#contact-record-rules). Without invisible characters and blanks around it, remove them first.
 */
export function phoneProblem(number: string): Pick<Reason, 'code' | 'message'> | null {
  if (NORTH_AMERICAN.test(number)) return null;
  if (SHORTENED.test(number))
    return {
      code: 'phone_not_e164',
      message:
        'a number that a spreadsheet has shortened, so that digits are lost: export the column as text',
    };
  if (!E164.test(number))
    return { code: 'phone_not_e164', message: 'write it as + and country code and number, digits only' };
  const parsed = parsePhoneNumberFromString(number);
  if (!parsed?.isPossible())
    return { code: 'phone_not_possible', message: 'no country has numbers of this code and length' };
  if (parsed.countryCallingCode === '1')
    return { code: 'phone_not_possible', message: 'no number of +1 has 0 or 1 after it' };
  if (parsed.number === number) return null;
  const message = describeMeant(number, parsed.number, `+${parsed.countryCallingCode}`);
  return { code: 'phone_not_possible', message };
}

/** Whether numbers without a country code can be read as those of this country: two letters of ISO 3166, in any case. */
export function isPhoneCountry(text: string): boolean {
  return isSupportedCountry(text.trim().toUpperCase());
}

export type ReadPhone = { readonly number: string } | { readonly problem: Pick<Reason, 'code' | 'message'> };

/** What people put between the digits of one number. A slash or a word may separate two. */
const ONE_NUMBER = /^\+?[\d\s().-]+$/;

/**
 * A number as it is written, if it is in E.164, or else as somebody in the country would dial it, if that can mean one number
 * only: `(415) 555-0101`, `+44 (0)20 7031 3000`. Without invisible characters and blanks around it, remove them first.
 * @param country without one, only E.164 is read (`phoneProblem`)
 */
export function readPhone(text: string, country?: string): ReadPhone {
  const problem = phoneProblem(text);
  if (problem === null) return { number: text };
  if (country === undefined || E164.test(text) || SHORTENED.test(text)) return { problem };
  const code = country.trim().toUpperCase();
  if (!ONE_NUMBER.test(text)) return { problem: { code: 'phone_not_possible', message: NOT_ONE_NUMBER } };
  const parsed = isSupportedCountry(code) ? parsePhoneNumberFromString(text, code) : undefined;
  if (!parsed?.isPossible() || phoneProblem(parsed.number) !== null)
    return { problem: { code: 'phone_not_possible', message: `no number of ${code}: ${EXPECTED}` } };
  if (mayBeForeign(text, parsed.number))
    return {
      problem: {
        code: 'phone_ambiguous',
        message: `may be a number of ${code}, or one of another country without its +: ${EXPECTED}`,
      },
    };
  return { number: parsed.number };
}

const EXPECTED = 'write it as + and country code and number';

const NOT_ONE_NUMBER =
  'has more than digits, spaces, ( ) . and -, so that it may be no number or several: write one number only';

/** Digits alone may begin with the code of a country, whose + a spreadsheet has dropped. */
function mayBeForeign(text: string, number: string): boolean {
  if (!/^[1-9]\d*$/.test(text)) return false;
  const abroad = parsePhoneNumberFromString(`+${text}`);
  return abroad?.isValid() === true && abroad.number !== number;
}

/** Which number was probably meant, without the number itself: reasons are shown where rows are not. */
function describeMeant(number: string, meant: string, code: string): string {
  const surplus = number.slice(code.length, code.length + number.length - meant.length);
  if (surplus !== '' && number === `${code}${surplus}${meant.slice(code.length)}`)
    return `has ${surplus} after ${code}, which is dialled inside of the country only: probably the same number without it is meant`;
  return `is not how numbers of ${code} are written after the code: check the digits that follow it`;
}

/**
 * The one spelling in E.164 by which numbers are compared, however people write them: `(415) 555-0101` with the country US,
 * `+1 415-555-0101`, `+44 (0)7700 900001`. null: the text is not one possible number, or lacks both `+` and a country, so
 * that it could belong to anybody.
 * @param country two letters (ISO 3166), for numbers without a country code. Any other text counts as none
 */
export function normalizePhone(text: string, country = ''): string | null {
  if (NORTH_AMERICAN.test(text)) return text;
  const plain = withoutInvisible(text);
  const code = country.trim().toUpperCase();
  const parsed = isSupportedCountry(code)
    ? parsePhoneNumberFromString(plain, code)
    : parsePhoneNumberFromString(plain);
  return parsed?.isPossible() ? toItself(parsed.number) : null;
}

/** `+4407700900001` is read as `+447700900001`; what is read once more must be the same. */
function toItself(number: string): string | null {
  const again = parsePhoneNumberFromString(number);
  return again?.isPossible() ? again.number : null;
}
