/**
 * The ids of contacts, which two systems may write in different ways. CXone's are GUIDs, in upper or lower case, with or
 * without braces; a CRM's may be any text. Every path uses these functions, so that an objection finds its person. Pure.
 */

/** Any variant and version, because the preferences tutorial's own examples are not RFC 4122 UUIDs. */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The GUID in lower case, without braces or blanks around it (RFC 9562, section 4); null: the text is not a GUID. */
export function toGuid(text: string): string | null {
  const guid = toComparableId(text);
  return GUID.test(guid) ? guid : null;
}

/**
 * The id as records have it: a GUID in the form of `toGuid`; any other id as it is written, but trimmed. Its case is kept,
 * because `A1` and `a1` may be two contacts of a CRM.
 */
export function toContactId(text: string): string {
  return toGuid(text) ?? text.trim();
}

/**
 * The same for every way to write an id, GUID or not. Two contacts may share it, so it is used where nobody may be missed: for
 * the suppression list, the proof of consent and erasures. Not for its own answers: `{{a}}` becomes `{a}`, which would become `a`.
 */
export function toComparableId(text: string): string {
  const trimmed = text.trim();
  const bare = /^\{.*\}$/s.test(trimmed) ? trimmed.slice(1, -1).trim() : trimmed;
  return bare.toLowerCase();
}
