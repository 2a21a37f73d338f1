/**
 * Campaigns (docs/cxone-contract.md#outbound-campaigns). A campaign is a versioned document that is read and written as a
 * whole; CXone accepts a write only if it names the current version.
 */
import { type Answer, requireReadable } from './answer.ts';
import type { FamilyClient } from './family.ts';
import {
  CAMPAIGN,
  CAMPAIGN_DOCUMENT,
  CAMPAIGN_PATH,
  CAMPAIGN_REFUSED,
  CAMPAIGN_VERSION,
  type CampaignDocument,
  ifMatch,
  type WireSelection,
} from './outbound.wire.ts';

export type { CampaignDocument, WireSelection } from './outbound.wire.ts';

export interface Campaign {
  readonly version: number;
  readonly selection: WireSelection;
  /** Exactly as received, to be sent back with the change. */
  readonly document: CampaignDocument;
}

export interface ReadCampaignRequest {
  readonly campaignId: string;
  readonly signal?: AbortSignal;
}
export interface UpdateSelectionRequest {
  readonly campaignId: string;
  /** Exactly as received. */
  readonly document: CampaignDocument;
  /** The document's version. CXone refuses the write if the campaign has another one by now. */
  readonly version: number;
  /** The parts to replace. Other fields of the document's selection stay. */
  readonly selection: Readonly<Record<string, unknown>>;
  /**
   * Called synchronously right before the first byte leaves, and again before the repeat after a 401. If it throws,
   * nothing is sent.
   */
  readonly beforeSend?: () => void;
}

/** `message` comes from CXone and may contain personal data. */
export type UpdateSelectionAnswer = {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
} & (
  | {
      readonly kind: 'updated';
      readonly version: number;
      /** null: the answer has the version that was written, but its selection cannot be read. */
      readonly selection: WireSelection | null;
      /** As measured by CXone (`x-request-duration-ms`). null: not reported. */
      readonly durationMs: number | null;
    }
  /** 409 or 412: the campaign was written by someone else in the meantime. Nothing was changed. */
  | { readonly kind: 'outdated'; readonly message: string | null }
  /** 400 or 422. Nothing was changed. */
  | { readonly kind: 'refused'; readonly message: string }
);

export interface Outbound {
  /** Errors: those of errors.ts. */
  readCampaign(request: ReadCampaignRequest): Promise<Campaign>;
  /** Safe to repeat, because the version lets at most one attempt through. Errors: those of errors.ts. */
  updateSelection(request: UpdateSelectionRequest): Promise<UpdateSelectionAnswer>;
  /** Reads a campaign that nobody has: resolves if CXone answers, whatever it says. Errors: those of errors.ts. */
  probe(): Promise<void>;
}

const NOBODYS_CAMPAIGN = 'cxflow-probe';

export function createOutbound(client: FamilyClient): Outbound {
  return {
    readCampaign: (request) => readCampaign(client, request),
    updateSelection: (request) => updateSelection(client, request),
    probe: async () => {
      const request = { verb: 'GET', path: CAMPAIGN_PATH, params: { campaignId: NOBODYS_CAMPAIGN } } as const;
      requireReadable(await client.call({ ...request, expect: [400, 404, 422] }));
    },
  };
}

async function readCampaign(
  client: FamilyClient,
  { campaignId, signal }: ReadCampaignRequest,
): Promise<Campaign> {
  const answer = await client.call({
    verb: 'GET',
    path: CAMPAIGN_PATH,
    params: { campaignId },
    expect: [],
    signal,
  });
  const { version } = answer.read(CAMPAIGN_VERSION);
  const { contactSelection: selection } = answer.read(CAMPAIGN);
  return { version, selection, document: answer.read(CAMPAIGN_DOCUMENT) };
}

async function updateSelection(
  client: FamilyClient,
  request: UpdateSelectionRequest,
): Promise<UpdateSelectionAnswer> {
  const { campaignId, document, version, selection, beforeSend } = request;
  const before = document.contactSelection;
  const kept = typeof before === 'object' ? before : {};
  const answer = await client.call({
    verb: 'PATCH',
    path: CAMPAIGN_PATH,
    params: { campaignId },
    headers: { 'If-Match': ifMatch(version) },
    body: { ...document, contactSelection: { ...kept, ...selection } },
    expect: [400, 409, 412, 422],
    deadline: 'campaignMs',
    beforeSend,
  });
  const { status, requestId } = answer;
  if (status >= 300) {
    const message = answer.tryRead(CAMPAIGN_REFUSED);
    if (status === 409 || status === 412) return { kind: 'outdated', message, status, requestId };
    return { kind: 'refused', message: message ?? `refused (${status})`, status, requestId };
  }
  return { kind: 'updated', status, requestId, ...readUpdated(answer, version) };
}

/** A higher version shows that the write was applied, whatever else cannot be read. */
function readUpdated(answer: Answer, before: number) {
  const { version } = answer.read(CAMPAIGN_VERSION);
  if (version <= before) throw answer.unreadable(`version ${version}, which is not above ${before}`);
  const selection = answer.tryRead(CAMPAIGN)?.contactSelection ?? null;
  const duration = Number(answer.header('x-request-duration-ms') ?? Number.NaN);
  return { version, selection, durationMs: Number.isFinite(duration) && duration >= 0 ? duration : null };
}
