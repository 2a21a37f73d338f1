/** What goes over the wire for contact lists: cxone-api.md "contactlists (S1)". The simulator speaks by it too. */
import { z } from 'zod';

/** S1: records of one request. */
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

/** Ids come as text or as numbers, depending on who wrote the endpoint. */
const ID = z.union([z.string(), z.number().transform(String)]).nullish();

/** **[ours]**: S1 shows empty arrays only. Lenient: whatever names a record is better than an unread answer. */
export const NAMED_ENTRY = z.object({
  index: z.number().nullish(),
  contactId: ID,
  recordId: ID,
  code: z.string().nullish(),
  field: z.string().nullish(),
  message: z.string().nullish(),
});
export type NamedEntry = z.infer<typeof NAMED_ENTRY>;

const ENTRIES = z
  .array(z.union([z.string(), NAMED_ENTRY]))
  .nullish()
  .transform((entries) => entries ?? []);

/** 200 */
export const RECORDS_CREATED = z.object({
  recordsCreated: z.number().int().nonnegative(),
  warnings: ENTRIES,
  errors: ENTRIES,
});

/** 409, 400 and 422 */
export const RECORDS_REFUSED = z.object({
  message: z.string().nullish(),
  warnings: ENTRIES,
  errors: ENTRIES,
});
