/**
 * Texts and lists in answers. CXone, or whatever answers in its place, decides how long they are: an answer may be
 * megabytes long (http.ts). They are cut here, before anything else reads them, because they go into reasons, the audit, the
 * ledger and Temporal's history. PostgreSQL cannot store NUL and halves of surrogate pairs.
 */
import { z } from 'zod';

const MAX_MESSAGE_CHARACTERS = 1_000;
const MAX_NAME_CHARACTERS = 255;
/** Most requests have at most 100 records, each of which may be named a few times. */
const MAX_ENTRIES = 1_000;

const textOf = (max: number) => z.string().transform((text) => clean(text, max));

/** Messages, which people read. */
export const MESSAGE = textOf(MAX_MESSAGE_CHARACTERS);
/** Codes, fields, states, and ids that are only compared: one that was cut matches none of ours. */
export const NAME = textOf(MAX_NAME_CHARACTERS);

/** For keys that are shown, like NAME. */
export const toName = (text: string): string => clean(text, MAX_NAME_CHARACTERS);

/** An id, which some endpoints return as a number. It is only compared and shown. */
export const ID = z.union([NAME, z.number().transform(String), z.bigint().transform(String)]);

/** An answer with more entries cannot be about our request: it counts as unreadable. */
export const listOf = <T extends z.ZodType>(entry: T, max = MAX_ENTRIES) => z.array(entry).max(max);

function clean(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  return cut.replace(/\p{Surrogate}|\0/gu, '\ufffd');
}
