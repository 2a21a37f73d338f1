/** The settings, which POST /_sim/settings can change at run time. */
import { z } from 'zod';

export const SETTINGS = z.strictObject({
  /** Added to every request of the API. */
  latencyMs: z.number().min(0),
  /** 0 means no limit. Counted over a sliding window, which is the strictest way. */
  ratePerMinute: z.number().int().min(0),
  /** Length of that window. A shorter one allows `ratePerMinute / 60` requests for each of its seconds. */
  rateWindowSeconds: z.number().positive(),
  retryAfterAs: z.enum(['seconds', 'http-date', 'none']),
  /** Whether a 400 or 409 names the records it concerns. */
  naming: z.enum(['all', 'none']),
  /** false: of a batch with duplicates the others are created, and the answer is a 200 with warnings. */
  atomic: z.boolean(),
  /** false: a record or item that is already in the list is created once more, as some tenants may do. */
  refuseDuplicates: z.boolean(),
  /** A list or campaign that has not been created is a 404. */
  strictLists: z.boolean(),
  tokenSeconds: z.number().int(),
  /** Scopes that no token is granted. */
  withheldScopes: z.array(z.string()),
  /** Numbers that the tenant rejects for reasons of its own, beyond the rules of the API. */
  blockedNumbers: z.array(z.string()),
  /** Added as they are to the `warnings` of every answer to a batch of contacts or items: they name no record. */
  warnings: z.array(z.string()),
  /** How long the answer to a preference batch, or to a message, is repeated for its `X-Idempotency-Key`. */
  idempotencyKeySeconds: z.number().min(0),
  /** The form of the answer to GET preferences. Without a stored preference: an empty array, or a 404. */
  preferencesAs: z.enum(['object', 'array']),
  /** How far the clock is ahead of (or behind) ours: in `Date`, in dates of `Retry-After`, in the rules on consent dates. */
  clockOffsetSeconds: z.number(),
  /** The suppressions in one answer, or in pages. */
  suppressionsAs: z.enum(['array', 'pages']),
  suppressionsPerPage: z.number().int().positive(),
  /** false: the answer to a batch of items does not say how many were created. */
  countItems: z.boolean(),
  /** The answer to a PATCH with an old version. HTTP defines 412 for `If-Match`. */
  outdatedStatus: z.union([z.literal(409), z.literal(412)]),
  /** The answer for an address without an email suppression: a 404, or an empty list. */
  notSuppressedAs: z.enum(['not-found', 'empty']),
  /** Addresses that the tenant rejects for reasons of its own, beyond the rules of the API. */
  blockedAddresses: z.array(z.string()),
  /** Whether the answer to a message has the ids of its recipients. */
  emailRecipientsInAnswer: z.boolean(),
  /** Whether a message with a known `X-Idempotency-Key` is answered with its first job, and not sent once more. */
  emailIdempotent: z.boolean(),
});
export type Settings = z.infer<typeof SETTINGS>;

export const DEFAULT_SETTINGS: Settings = {
  latencyMs: 0,
  ratePerMinute: 0,
  rateWindowSeconds: 60,
  retryAfterAs: 'seconds',
  naming: 'all',
  atomic: true,
  refuseDuplicates: true,
  strictLists: false,
  tokenSeconds: 3600,
  withheldScopes: [],
  blockedNumbers: [],
  warnings: [],
  idempotencyKeySeconds: 86_400,
  preferencesAs: 'object',
  clockOffsetSeconds: 0,
  suppressionsAs: 'array',
  suppressionsPerPage: 1_000,
  countItems: true,
  outdatedStatus: 409,
  notSuppressedAs: 'not-found',
  blockedAddresses: [],
  emailRecipientsInAnswer: false,
  emailIdempotent: false,
};

/** The time by the simulated CXone's clock. */
export function vendorTime({ clockOffsetSeconds }: Settings, nowMs: number = Date.now()): Date {
  return new Date(nowMs + clockOffsetSeconds * 1_000);
}
