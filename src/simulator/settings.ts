/** What can be set at the start, and changed while it runs by POST /_sim/settings. */
import { z } from 'zod';

export const SETTINGS = z.strictObject({
  /** Added to every request of the API. */
  latencyMs: z.number().min(0),
  /** 0 = no limit. Counted over a sliding window, as the strictest vendor would. */
  ratePerMinute: z.number().int().min(0),
  /** Length of that window; shorter ones allow `ratePerMinute / 60` for each of their seconds. */
  rateWindowSeconds: z.number().positive(),
  retryAfterAs: z.enum(['seconds', 'http-date', 'none']),
  /** Whether 400 and 409 say which records they mean. */
  naming: z.enum(['all', 'none']),
  /** false: a batch with duplicates creates the others, and answers 200 with warnings. */
  atomic: z.boolean(),
  /** false: a list takes a record that it has once more, as a tenant may that refuses no duplicates. */
  refuseDuplicates: z.boolean(),
  /** A list that nobody created is 404. */
  strictLists: z.boolean(),
  tokenSeconds: z.number().int(),
  /** Scopes that tokens do not get, whatever they ask for. */
  withheldScopes: z.array(z.string()),
  /** Numbers that the tenant refuses for reasons of its own, which no rule of the API tells. */
  blockedNumbers: z.array(z.string()),
  /** How long an `X-Idempotency-Key` of a preference batch is answered as it was the first time. */
  idempotencyKeySeconds: z.number().min(0),
  /** How GET preferences answers; as an array, none on record is an empty one, else a 404. */
  preferencesAs: z.enum(['object', 'array']),
  /** How far CXone's clock is ahead of ours, or behind it: in `Date`, in dates of `Retry-After`, in judging consents. */
  clockOffsetSeconds: z.number(),
  /** What a PATCH of a campaign with an old version is answered; 412 by those who read `If-Match` as HTTP does. */
  outdatedStatus: z.union([z.literal(409), z.literal(412)]),
  /** Whether campaigns come with an `ETag`, as in some regions. */
  campaignEtag: z.boolean(),
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
  idempotencyKeySeconds: 86_400,
  preferencesAs: 'object',
  clockOffsetSeconds: 0,
  outdatedStatus: 409,
  campaignEtag: false,
};

/** What the clock on CXone's wall says. */
export function vendorTime({ clockOffsetSeconds }: Settings, nowMs: number = Date.now()): Date {
  return new Date(nowMs + clockOffsetSeconds * 1_000);
}
