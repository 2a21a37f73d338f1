/** The simulator's admin API under /_sim/, which needs no token: inspects what happened and controls what happens next. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ContactRecord } from '../cxone/contact-lists.wire.ts';
import { addRecords, type ContactListsDeps } from './contactlists.routes.ts';
import { recordErrors } from './contactlists.rules.ts';
import { FAULT_RULES, type FaultPlan } from './faults.ts';
import { SETTINGS } from './settings.ts';
import type { StatsKeeper } from './stats.ts';
import type { TokenStore } from './tokens.ts';

export interface AdminDeps extends ContactListsDeps {
  readonly faults: FaultPlan;
  readonly stats: StatsKeeper;
  readonly tokens: TokenStore;
  readonly seed: number;
}

const ADMIN = { config: { admin: true } } as const;
const SEED_ROUTE = { ...ADMIN, bodyLimit: 64 * 1024 * 1024 } as const;
const count = (fallback: number, max: number) => z.coerce.number().int().min(0).max(max).default(fallback);
const JOURNAL_QUERY = z.strictObject({
  family: z.string().optional(),
  list: z.string().optional(),
  from: count(1, Number.MAX_SAFE_INTEGER),
  limit: count(10_000, 100_000),
});
const PAGE_QUERY = z.strictObject({ offset: count(0, Number.MAX_SAFE_INTEGER), limit: count(1000, 100_000) });
const SEED_BODY = z.strictObject({ records: z.array(z.unknown()).default([]) });
interface ById {
  Params: { id: string };
}

export function registerAdmin(app: FastifyInstance, deps: AdminDeps): void {
  registerInspection(app, deps);
  registerControls(app, deps);
  app.post<ById>('/_sim/lists/:id', SEED_ROUTE, async (request, reply) => {
    const { records } = SEED_BODY.parse(request.body ?? {});
    return seedList(deps, request.params.id, records, reply);
  });
}

function registerInspection(
  app: FastifyInstance,
  { journal, lists, stats, faults, settings, seed }: AdminDeps,
): void {
  app.get('/_sim/health', ADMIN, () => ({
    ok: true,
    pid: process.pid,
    seed,
    applied: journal.size(),
    lists: lists.totals(),
    settings,
  }));
  app.get('/_sim/journal', ADMIN, (request) => {
    const query = JOURNAL_QUERY.parse(request.query);
    const entries = journal.query(query);
    return { entries, next: entries.length < query.limit ? null : (entries.at(-1)?.n ?? 0) + 1 };
  });
  app.get('/_sim/stats', ADMIN, () => stats.read());
  app.get('/_sim/requests', ADMIN, (request) =>
    stats.lastRequests(PAGE_QUERY.pick({ limit: true }).parse(request.query).limit),
  );
  app.get('/_sim/faults', ADMIN, () => faults.report());
  app.get<ById>('/_sim/lists/:id/records', ADMIN, (request) => {
    const { offset, limit } = PAGE_QUERY.parse(request.query);
    return lists.page(request.params.id, offset, limit);
  });
}

function registerControls(app: FastifyInstance, { faults, settings, tokens }: AdminDeps): void {
  app.post('/_sim/faults', ADMIN, (request) => {
    faults.replace(FAULT_RULES.parse(request.body));
    return faults.report();
  });
  app.delete('/_sim/faults', ADMIN, () => {
    faults.replace([]);
    return faults.report();
  });
  // All parts share one settings object, so a change applies from the next request on.
  app.post('/_sim/settings', ADMIN, (request) =>
    Object.assign(settings, SETTINGS.partial().parse(request.body)),
  );
  app.post('/_sim/tokens/revoke', ADMIN, () => ({ revoked: tokens.revokeAll() }));
}

/** Creates the list if necessary and adds the records, except duplicates. */
function seedList(deps: AdminDeps, listId: string, records: readonly unknown[], reply: FastifyReply) {
  const invalid = records.findIndex((record) => recordErrors(record, deps.nowMs()).length > 0);
  if (invalid >= 0) return reply.code(400).send({ message: `record ${invalid} is invalid` });
  deps.lists.ensure(listId);
  const all = records as readonly ContactRecord[];
  const duplicates = deps.lists.findDuplicates(listId, all);
  const fresh = all.filter((_, i) => duplicates[i] === null);
  const items = addRecords(deps, 'seed', listId, fresh);
  return { listId, created: items.length, recordIds: items.map((item) => item.recordId) };
}
