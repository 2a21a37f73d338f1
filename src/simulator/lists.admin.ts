/** Campaign lists under /_sim/: campaigns with their sizes, suppressions, and items that a list has from the start. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ListItem } from '../cxone/lists.wire.ts';
import { itemErrors } from './lists.rules.ts';
import type { CampaignLists } from './lists.state.ts';
import { SUPPRESSION_CHANGE } from './lists.suppressions.ts';

const ADMIN = { config: { admin: true } } as const;
const SEED_ROUTE = { ...ADMIN, bodyLimit: 256 * 1024 * 1024 } as const;
const SIZE = z.number().int().min(0).nullable().exactOptional();
/** null for what the answer is not to have. */
const CAMPAIGN = z.strictObject({
  currentListSize: SIZE,
  maxListSize: SIZE,
  listCapacity: SIZE,
  lists: z.array(z.string()).nullable().exactOptional(),
});
const ITEMS = z.strictObject({ items: z.array(z.unknown()).default([]) });
const count = (fallback: number, max: number) => z.coerce.number().int().min(0).max(max).default(fallback);
const PAGE_QUERY = z.strictObject({ offset: count(0, Number.MAX_SAFE_INTEGER), limit: count(1000, 100_000) });
interface ById {
  Params: { id: string };
}

export function registerListsAdmin(app: FastifyInstance, lists: CampaignLists): void {
  app.get<ById>('/_sim/campaign-lists/campaigns/:id', ADMIN, ({ params }) => lists.describe(params.id));
  app.post<ById>('/_sim/campaign-lists/campaigns/:id', ADMIN, ({ params, body }) => {
    lists.seedCampaign(params.id, CAMPAIGN.parse(body ?? {}));
    return lists.describe(params.id);
  });
  app.post('/_sim/campaign-lists/suppressions', SEED_ROUTE, ({ body }) => {
    lists.changeSuppressions(SUPPRESSION_CHANGE.parse(body));
    return { total: lists.suppressions.size() };
  });
  app.get('/_sim/campaign-lists/suppressions', ADMIN, ({ query }) => {
    const { offset, limit } = PAGE_QUERY.parse(query);
    return { total: lists.suppressions.size(), entries: lists.suppressions.page(offset, limit) };
  });
  app.post<ById>('/_sim/campaign-lists/items/:id', SEED_ROUTE, ({ params: { id }, body }, reply) => {
    const { items } = ITEMS.parse(body ?? {});
    const invalid = items.findIndex((item) => itemErrors(item).length > 0);
    if (invalid >= 0) return reply.code(400).send({ message: `item ${invalid} is invalid` });
    lists.items.ensure(id);
    lists.addItems(id, items as readonly ListItem[], { action: 'seed', requestId: null });
    return { created: items.length };
  });
}
