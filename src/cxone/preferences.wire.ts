/** What goes over the wire for consent preferences: cxone-api.md "preferences (S0)". The simulator speaks by it too. */
import { z } from 'zod';

/** S0: items of one request. */
export const MAX_PREFERENCES_PER_REQUEST = 100;
export const PREFERENCES_BATCH_PATH = '/api/v2/preferences/batch';
export const PREFERENCES_PATH = '/api/v2/preferences';
/** S0: how CXone is to settle an item that differs from what is stored. */
export const CONFLICT_RESOLUTION = 'timestamp-wins';

export const CHANNELS = ['email', 'sms', 'voice', 'webchat'] as const;
export const REGIONS = ['GDPR', 'CCPA', 'TCPA', 'NONE'] as const;

export interface PreferenceItem {
  /** A GUID, as is `idempotencyKey`. */
  readonly contactId: string;
  /** One of CHANNELS. */
  readonly channel: string;
  readonly optIn: boolean;
  /** Dates: ISO 8601 in UTC. */
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  /** One of REGIONS. */
  readonly regulatoryRegion: string;
  /** Where the consent comes from, at most 50 characters. */
  readonly source: string;
  readonly idempotencyKey: string;
  readonly updatedAt: string;
}

const TEXT = z
  .string()
  .nullish()
  .transform((text) => text ?? null);
/** Ids come as text or as numbers, depending on who wrote the endpoint. */
const ID = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .transform((id) => id ?? null);

/** 200: one for each item. */
export const PREFERENCES_UPDATED = z.array(
  z.object({
    id: ID,
    contactId: z.string(),
    channel: z.string(),
    optIn: z.boolean(),
    status: z.string(),
    conflictResolved: z
      .boolean()
      .nullish()
      .transform((is) => is ?? false),
  }),
);

/** **[ours]**. Lenient: whatever names an item is better than an unread answer. */
const NAMED_ENTRY = z.object({
  index: z.number().nullish(),
  contactId: TEXT,
  channel: TEXT,
  code: TEXT,
  field: TEXT,
  message: TEXT,
});
export type NamedPreferenceEntry = z.infer<typeof NAMED_ENTRY>;

const ENTRIES = z
  .array(z.union([z.string(), NAMED_ENTRY]))
  .nullish()
  .transform((entries) => entries ?? []);

/** 409 names `conflicts`, 400 and 422 name `errors`. */
export const PREFERENCES_REFUSED = z.object({ message: TEXT, conflicts: ENTRIES, errors: ENTRIES });

/** Strict in what decides about a person: without a readable `optIn` and region there is no preference to go by. */
const STORED = z.object({
  id: ID,
  contactId: z.string(),
  channel: z.string(),
  optIn: z.boolean(),
  consentTimestamp: TEXT,
  withdrawalTimestamp: TEXT,
  regulatoryRegion: z.string(),
  source: TEXT,
  updatedAt: TEXT,
});
export type StoredPreference = z.infer<typeof STORED>;

/** **[ours]**: an object, or an array with it; none on record is an empty array (or a 404). */
export const PREFERENCE_FOUND = z
  .union([z.array(STORED), STORED, z.null()])
  .transform((found) => (found === null ? [] : Array.isArray(found) ? found : [found]));
