/** Requests and answers for consent preferences (docs/cxone-contract.md#preferences), shared with the simulator. */
import { z } from 'zod';
import { ID, listOf, MESSAGE, NAME } from './text.wire.ts';

export const MAX_PREFERENCES_PER_REQUEST = 100;
export const PREFERENCES_BATCH_PATH = '/api/v2/preferences/batch';
export const PREFERENCES_PATH = '/api/v2/preferences';
/** The newer of item and stored preference wins. */
export const CONFLICT_RESOLUTION = 'timestamp-wins';

export const CHANNELS = ['email', 'sms', 'voice', 'webchat'] as const;
export const REGIONS = ['GDPR', 'CCPA', 'TCPA', 'NONE'] as const;

export interface PreferenceItem {
  /** A GUID, as is `idempotencyKey`. */
  readonly contactId: string;
  /** One of CHANNELS. */
  readonly channel: string;
  readonly optIn: boolean;
  /** Timestamps are ISO 8601 in UTC. */
  readonly consentTimestamp: string | null;
  readonly withdrawalTimestamp: string | null;
  /** One of REGIONS. */
  readonly regulatoryRegion: string;
  /** Where the consent was given, at most 50 characters. */
  readonly source: string;
  readonly idempotencyKey: string;
  readonly updatedAt: string;
}

const MESSAGE_OR_NULL = MESSAGE.nullish().transform((text) => text ?? null);
const NAME_OR_NULL = NAME.nullish().transform((text) => text ?? null);
const ID_OR_NULL = ID.nullish().transform((id) => id ?? null);

/** The body of a 200: one result for each item. */
export const PREFERENCES_UPDATED = listOf(
  z.object({
    id: ID_OR_NULL,
    contactId: ID,
    channel: NAME,
    optIn: z.boolean(),
    status: NAME.transform((status) => status.toLowerCase()),
    conflictResolved: z
      .boolean()
      .nullish()
      .transform((is) => is ?? false),
  }),
);

/** Our reading: the tutorial shows empty arrays only. Lenient, because part of an entry is better than an unread answer. */
const NAMED_ENTRY = z.object({
  index: z.number().nullish(),
  contactId: ID_OR_NULL,
  channel: NAME_OR_NULL,
  code: NAME_OR_NULL,
  field: NAME_OR_NULL,
  message: MESSAGE_OR_NULL,
});
export type NamedPreferenceEntry = z.infer<typeof NAMED_ENTRY>;

const ENTRIES = listOf(z.union([MESSAGE, NAMED_ENTRY]))
  .nullish()
  .transform((entries) => entries ?? []);

/** The body of a 409 has `conflicts`, that of a 400 or 422 has `errors`. */
export const PREFERENCES_REFUSED = z.object({
  message: MESSAGE_OR_NULL,
  conflicts: ENTRIES,
  errors: ENTRIES,
});

/** Strict about what decides whether a person may be reached: `optIn` and region must be readable. */
const STORED = z.object({
  id: ID_OR_NULL,
  contactId: ID,
  channel: NAME,
  optIn: z.boolean(),
  consentTimestamp: NAME_OR_NULL,
  withdrawalTimestamp: NAME_OR_NULL,
  regulatoryRegion: NAME,
  source: NAME_OR_NULL,
  updatedAt: NAME_OR_NULL,
});
export type StoredPreference = z.infer<typeof STORED>;

/**
 * Our reading: an object, or an array with one. An empty array means none on record, as does a 404
 * (docs/cxone-contract.md#read-a-preference).
 */
export const PREFERENCE_FOUND = z
  .union([z.array(STORED), STORED, z.null()])
  .transform((found) => (found === null ? [] : Array.isArray(found) ? found : [found]));
