/** The three endpoints of campaign lists (docs/cxone-contract.md#campaign-lists). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  CAPACITY_PATH,
  ITEMS_PATH,
  type ListItem,
  MAX_ITEMS_PER_REQUEST,
  type NamedItemEntry,
  SUPPRESSIONS_PATH,
} from '../cxone/lists.wire.ts';
import { itemErrors } from './lists.rules.ts';
import type { CampaignLists } from './lists.state.ts';
import type { Settings } from './settings.ts';

export interface ListsDeps {
  readonly campaignLists: CampaignLists;
  readonly settings: Settings;
}

const access = (scope: string) => ({ config: { api: { family: 'lists', scope } } }) as const;
const toFastify = (template: string) => template.replace(/\{(\w+)\}/g, ':$1');

interface SuppressionsRequest {
  Querystring: { status?: unknown; cursor?: unknown };
}

export function registerLists(app: FastifyInstance, deps: ListsDeps): void {
  const { campaignLists, settings } = deps;
  app.get<{ Params: { campaignId: string } }>(
    toFastify(CAPACITY_PATH),
    access('campaigns:read'),
    async ({ params: { campaignId } }, reply) =>
      settings.strictLists && !campaignLists.hasCampaign(campaignId)
        ? reply.code(404).send({ message: 'no such campaign' })
        : reply.send(campaignLists.describe(campaignId)),
  );
  app.get<SuppressionsRequest>(SUPPRESSIONS_PATH, access('compliance:read'), async ({ query }, reply) =>
    readSuppressions(deps, query, reply),
  );
  app.post<{ Params: { listId: string } }>(
    toFastify(ITEMS_PATH),
    access('lists:write'),
    async (request, reply) => {
      const { listId } = request.params;
      if (settings.strictLists && !campaignLists.items.has(listId))
        return reply.code(404).send({ message: 'no such list' });
      const rejection = validateBatch(request.body, settings);
      if (rejection !== null) return reply.code(400).send(rejection);
      return createItems(deps, listId, (request.body as { items: ListItem[] }).items, request, reply);
    },
  );
}

/** As text, so that faults can cut it. A cursor is the position of the first entry of its page. */
function readSuppressions(
  { campaignLists: { suppressions }, settings }: ListsDeps,
  { status, cursor = '0' }: SuppressionsRequest['Querystring'],
  reply: FastifyReply,
) {
  if (status !== 'ACTIVE') return reply.code(400).send({ message: 'the status must be ACTIVE' });
  void reply.type('application/json');
  if (settings.suppressionsAs === 'array') return reply.send(suppressions.all());
  const from = Number(String(cursor).replace(/^after-/, ''));
  if (!Number.isInteger(from)) return reply.code(400).send({ message: 'the cursor is unknown' });
  const end = from + settings.suppressionsPerPage;
  const next = end < suppressions.size() ? `after-${end}` : null;
  return reply.send(JSON.stringify({ results: suppressions.page(from, settings.suppressionsPerPage), next }));
}

function createItems(
  { campaignLists, settings }: ListsDeps,
  listId: string,
  items: readonly ListItem[],
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const duplicates = campaignLists.items.findDuplicates(listId, items);
  const isNamed = settings.naming === 'all';
  const conflicts = duplicates.flatMap((isDuplicate, index) =>
    isDuplicate && settings.refuseDuplicates ? [{ index }] : [],
  );
  if (conflicts.length > 0 && settings.atomic) {
    const message = 'the list has some of the keys; nothing was created';
    return reply.code(409).send({ message, conflicts: isNamed ? conflicts : [] });
  }
  const fresh = settings.refuseDuplicates ? items.filter((_, i) => !duplicates[i]) : items;
  const kept = request.fault?.dropRecords === undefined ? fresh : fresh.slice(0, -request.fault.dropRecords);
  const requestId = request.headers['x-request-id']?.toString() ?? null;
  campaignLists.addItems(listId, kept, { action: 'create', requestId });
  const itemsCreated = Math.max(0, kept.length - (request.fault?.underreport ?? 0));
  const named = conflicts.map(({ index }) => ({
    index,
    code: 'DUPLICATE',
    message: 'its key is in the list',
  }));
  return {
    ...(settings.countItems && { itemsCreated }),
    warnings: [...(isNamed ? named : []), ...settings.warnings],
    errors: [],
  };
}

/** The body of a 400, or null if the batch is valid. */
function validateBatch(body: unknown, { naming, blockedNumbers }: Settings) {
  const items = (body as { items?: unknown } | null)?.items;
  if (!Array.isArray(items) || Object.keys(body as object).length !== 1)
    return { message: 'the body must be {"items": [...]}', errors: [] };
  if (items.length < 1 || items.length > MAX_ITEMS_PER_REQUEST)
    return { message: `1 to ${MAX_ITEMS_PER_REQUEST} items per request, not ${items.length}`, errors: [] };
  const errors = items.flatMap((item: unknown, index) =>
    itemErrors(item, blockedNumbers).map((error): NamedItemEntry => ({ index, ...error })),
  );
  if (errors.length === 0) return null;
  return { message: 'items are invalid; nothing was created', errors: naming === 'none' ? [] : errors };
}
