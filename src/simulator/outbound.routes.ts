/** The two endpoints of campaigns (docs/cxone-contract.md#outbound-campaigns). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CAMPAIGN_PATH } from '../cxone/outbound.wire.ts';
import type { Editors } from './outbound.editors.ts';
import { selectionErrors } from './outbound.rules.ts';
import type { Campaign, Campaigns } from './outbound.state.ts';
import type { Settings } from './settings.ts';

export interface OutboundDeps {
  readonly campaigns: Campaigns;
  readonly editors: Editors;
  readonly settings: Settings;
  readonly nowMs: () => number;
}

interface ById {
  Params: { campaignId: string };
}
const READ = { config: { api: { family: 'outbound', scope: 'outbound:campaign:read' } } } as const;
const WRITE = { config: { api: { family: 'outbound', scope: 'outbound:campaign:write' } } } as const;
const PATH = CAMPAIGN_PATH.replace(/\{(\w+)\}/, ':$1');

export function registerOutbound(app: FastifyInstance, deps: OutboundDeps): void {
  app.get<ById>(PATH, READ, async ({ params: { campaignId } }, reply) => {
    const campaign = find(deps, campaignId);
    if (campaign === null) return reply.code(404).send({ message: 'no such campaign' });
    // The answer has the version before the edit, so it is out of date when it arrives.
    deps.editors.afterGet(campaignId);
    return reply.send(campaign);
  });
  app.patch<ById>(PATH, WRITE, async (request, reply) => update(deps, request, reply));
}

/** Synchronous, so that of two writes with the same version only the first is applied. */
function update(deps: OutboundDeps, request: FastifyRequest<ById>, reply: FastifyReply) {
  const { campaigns, editors, settings, nowMs } = deps;
  const { campaignId } = request.params;
  const campaign = find(deps, campaignId);
  if (campaign === null) return reply.code(404).send({ message: 'no such campaign' });
  const expected = /^version=(\d+)$/.exec(request.headers['if-match'] ?? '')?.[1];
  if (expected === undefined)
    return reply.code(400).send({ message: 'the header If-Match: version=N is required' });
  if (Number(expected) !== campaign.version) {
    const message = `the campaign has version ${campaign.version}, not ${expected}: it was changed by another client`;
    return reply.code(settings.outdatedStatus).send({ message });
  }
  const body = request.body as Campaign | null;
  const errors =
    typeof body === 'object' && body !== null ? selectionErrors(body.contactSelection) : ['no body'];
  const missing = Object.keys(campaign).filter((field) => body?.[field] === undefined);
  if (missing.length > 0) errors.push(`the whole document is required; missing: ${missing.join(', ')}`);
  if (body !== null && errors.length === 0) {
    const document = { ...body, id: campaignId, version: campaign.version + 1 };
    campaigns.put('update', document, request.headers['x-request-id']?.toString() ?? null);
    editors.afterPatch(campaignId);
    // With the latency that the simulator adds.
    void reply.header('x-request-duration-ms', String(nowMs() - request.receivedAtMs));
    return reply.send(document);
  }
  return reply.code(400).send({ message: errors.join('; ') });
}

/** Like lists, campaigns are created on first use, unless `strictLists` is set. */
function find({ campaigns, settings }: OutboundDeps, campaignId: string): Campaign | null {
  return campaigns.find(campaignId) ?? (settings.strictLists ? null : campaigns.initial(campaignId));
}
