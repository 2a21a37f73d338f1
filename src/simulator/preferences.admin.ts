/** Preferences under /_sim/: reads and seeds them. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { CHANNELS } from '../cxone/preferences.wire.ts';
import { type PreferencesDeps, store } from './preferences.routes.ts';
import { isGuid } from './preferences.rules.ts';

const ADMIN = { config: { admin: true } } as const;
const SEED_ROUTE = { ...ADMIN, bodyLimit: 64 * 1024 * 1024 } as const;
/** Only types are validated: preferences that an older CRM left in a tenant need not follow today's rules. */
const SEED_ITEM = z.strictObject({
  contactId: z.string().refine(isGuid, 'must be a GUID'),
  channel: z.enum(CHANNELS),
  optIn: z.boolean(),
  consentTimestamp: z.string().nullable(),
  withdrawalTimestamp: z.string().nullable(),
  regulatoryRegion: z.string(),
  source: z.string(),
  /** Default: one that nobody else uses. */
  idempotencyKey: z.string().default(() => crypto.randomUUID()),
  updatedAt: z.string(),
});
const SEED_BODY = z.strictObject({ items: z.array(SEED_ITEM) });
const PAGE_QUERY = z.strictObject({
  contactId: z.string().optional(),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(0).max(100_000).default(1000),
});

export function registerPreferencesAdmin(app: FastifyInstance, deps: PreferencesDeps): void {
  app.get('/_sim/preferences', ADMIN, (request) => {
    const { contactId, offset, limit } = PAGE_QUERY.parse(request.query);
    return deps.preferences.page(contactId, offset, limit);
  });
  // Unconditional: a test may replace a stored preference with an older one.
  app.post('/_sim/preferences', SEED_ROUTE, (request) => {
    const { items } = SEED_BODY.parse(request.body);
    store(deps, 'seed', items, { batchKey: null, requestId: null });
    return { seeded: items.length };
  });
}
