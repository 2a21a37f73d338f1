/** Requests and answers for contact lists (docs/cxone-contract.md#contact-lists), shared with the simulator. */
import { z } from 'zod';
import { ID, listOf, MESSAGE, NAME } from './text.wire.ts';

export const MAX_RECORDS_PER_REQUEST = 100;
export const RECORDS_PATH = '/api/v2/contactlists/{listId}/records';
export const RECORD_PATH = '/api/v2/contactlists/{listId}/records/{recordId}';

export interface ContactRecord {
  readonly contactId: string;
  readonly phoneNumbers: readonly { readonly type: string; readonly number: string }[];
  readonly customFields: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly consentTimestamp: string;
  readonly optInStatus: string;
}

/** Our reading: the tutorial shows empty arrays only. Lenient, because part of an entry is better than an unread answer. */
export const NAMED_ENTRY = z.object({
  index: z.number().nullish(),
  contactId: ID.nullish(),
  recordId: ID.nullish(),
  code: NAME.nullish(),
  field: NAME.nullish(),
  message: MESSAGE.nullish(),
});
export type NamedEntry = z.infer<typeof NAMED_ENTRY>;

const ENTRIES = listOf(z.union([MESSAGE, NAMED_ENTRY]))
  .nullish()
  .transform((entries) => entries ?? []);

const ANSWER_ID = ID.nullish().transform((id) => id ?? null);

/** The body of a 200. */
export const RECORDS_CREATED = z.object({
  id: ANSWER_ID,
  recordsCreated: z.number().int().nonnegative(),
  warnings: ENTRIES,
  errors: ENTRIES,
});

/** The body of a 400, 409 or 422. */
export const RECORDS_REFUSED = z.object({
  id: ANSWER_ID,
  message: MESSAGE.nullish(),
  warnings: ENTRIES,
  errors: ENTRIES,
});
