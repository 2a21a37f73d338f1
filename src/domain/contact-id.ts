/**
 * The ids of contacts, which two systems may write in different ways. CXone's are GUIDs, in upper or lower case, with or
 * without braces; a CRM's may be any text. Every path uses these functions, so that an objection finds its person. Pure.
 */
import { withoutInvisible } from './invisible.ts';
import type { Reason } from './run.ts';

/** Any variant and version, because the preferences tutorial's own examples are not RFC 4122 UUIDs. */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The GUID in lower case, without what programs write around it (RFC 9562, section 4); null: the text is not a GUID. */
export function toGuid(text: string): string | null {
  const guid = toComparableId(text);
  return GUID.test(guid) ? guid : null;
}

/**
 * The id as records have it: a GUID in the form of `toGuid`; any other id as it is written, but trimmed and without characters
 * that nobody sees. Its case is kept, because `A1` and `a1` may be two contacts of a CRM.
 */
export function toContactId(text: string): string {
  return toGuid(text) ?? withoutInvisible(text).trim();
}

/**
 * The same for every way to write an id, GUID or not. Two contacts may share it, so it is used where nobody may be missed: for
 * the suppression list, the proof of consent and erasures. Not for its own answers: `{{a}}` becomes `{a}`, which would become `a`.
 */
export function toComparableId(text: string): string {
  const trimmed = withoutInvisible(text).trim();
  const bare =
    AROUND.exec(trimmed)
      ?.slice(1)
      .find((inner) => inner !== undefined) ?? trimmed;
  return bare.trim().toLowerCase().normalize('NFC');
}

/** `{…}`, `(…)`, `"…"`, `'…'`, an apostrophe that keeps a spreadsheet from converting the id, `urn:uuid:…`. */
const AROUND = /^(?:\{(.*)\}|\((.*)\)|"(.*)"|'(.*?)'?|urn:uuid:(.*))$/is;

/** Every GUID in a text, also without its hyphens or with dashes in their places, as programs and word processors write it. */
export function guidsIn(text: string): readonly string[] {
  const found = withoutInvisible(text).toLowerCase().matchAll(ANY_GUID);
  return [...found].map((match) => match.slice(1).join('-'));
}

const ANY_GUID =
  /(?<![\da-z])([\da-f]{8})[\p{Pd}\u2212]?([\da-f]{4})[\p{Pd}\u2212]?([\da-f]{4})[\p{Pd}\u2212]?([\da-f]{4})[\p{Pd}\u2212]?([\da-f]{12})(?![\da-z])/gu;

/** `1.00045E+11`: a long number in a narrow cell. Not `1E5` or `1E5-NORTH`, which may be ids. */
const SHORTENED = /^=?[+-]?\d+(?:[.,٫]\d+ ?e ?\+?\d+| ?e ?\+\d+)$/i;
/** `100045000001.0`: what programs make of an id that they take for a number with a fraction. */
const WITH_FRACTION = /^\d{3,}[.,]0+$/;
/** `#N/A`, `#NV`, `#REF!`, `#¿NOMBRE?`, `Err:502`, or `####` in a cell that is too narrow. */
const ERROR_VALUE =
  /^(?:#(?:\p{L}\/\p{L}{1,4}|nv|getting_data|[¡¿]?[\p{L}\d/_ ]+[!?]|#*)|(?:err|fehler) ?: ?\d{3})$/iu;
/** What databases, programs and pivot tables write where they have no value. */
const NO_VALUE =
  /^(?:[([<]?(?:null|blank|empty|leer|vide|none)[)\]>]?|\\+n|nil|nan|undefined|unknown|tbd|n\.?\/?a\.?|k\.? ?a\.|-+|\?+|\.+|\[object object\]|0+|[0-]{36})$/i;

/**
 * Why a text cannot be the id of a contact; null: it can. Many rows may have the same such text and mean different people.
 * `contact_id_missing` for a blank.
 */
export function contactIdProblem(text: string): Pick<Reason, 'code' | 'message'> | null {
  const id = withoutInvisible(text).trim();
  if (id === '') return { code: 'contact_id_missing' };
  if (SHORTENED.test(id))
    return {
      code: 'contact_id_not_exact',
      message:
        'a number that a spreadsheet has shortened: digits of the id are lost; export the column as text',
    };
  if (WITH_FRACTION.test(id))
    return {
      code: 'contact_id_not_exact',
      message: 'was written as a number with a fraction; write it as text',
    };
  const message = unreadableBecause(id);
  return message === null ? null : { code: 'contact_id_unreadable', message };
}

function unreadableBecause(id: string): string | null {
  const bare = toComparableId(id);
  if (bare === '') return 'has nothing between its braces';
  if (ERROR_VALUE.test(bare)) return 'the error value of a spreadsheet, not an id; correct the formula';
  if (NO_VALUE.test(bare)) return 'stands for a missing value, not for an id';
  if (id.startsWith('{') !== id.endsWith('}')) return 'one of the two braces is missing';
  if (id.includes('\ufffd')) return 'has U+FFFD in the place of characters that were lost';
  return null;
}
