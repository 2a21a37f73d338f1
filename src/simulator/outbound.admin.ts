/** Campaigns under /_sim/: reads them, seeds them, and schedules edits by third parties. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { EDIT, type Editors } from './outbound.editors.ts';
import type { Campaign, Campaigns } from './outbound.state.ts';

const ADMIN = { config: { admin: true } } as const;
/** Not validated against the selection rules: a tenant may contain campaigns that no PATCH could create. */
const SEED = z.looseObject({
  version: z.number().int().optional(),
  contactSelection: z.record(z.string(), z.unknown()).optional(),
});
interface ById {
  Params: { id: string };
}

export function registerOutboundAdmin(
  app: FastifyInstance,
  { campaigns, editors }: { readonly campaigns: Campaigns; readonly editors: Editors },
): void {
  const path = '/_sim/outbound/campaigns/:id';
  app.get<ById>(path, ADMIN, ({ params: { id } }, reply) =>
    reply.send({ campaign: campaigns.find(id), edits: editors.countEdits(id) }),
  );
  app.post<ById>(path, ADMIN, ({ params: { id }, body }) => {
    const { contactSelection = {}, ...given } = SEED.parse(body ?? {});
    const before = campaigns.initial(id);
    const selection = { ...before.contactSelection, ...contactSelection };
    return campaigns.put('seed', { ...before, ...given, id, contactSelection: selection } as Campaign);
  });
  app.post<ById>(`${path}/edits`, ADMIN, ({ params: { id }, body }) => {
    editors.add(id, EDIT.parse(body));
    return { campaign: campaigns.find(id) };
  });
  app.delete<ById>(`${path}/edits`, ADMIN, ({ params: { id } }) => {
    editors.clear(id);
    return { campaign: campaigns.find(id) };
  });
}
