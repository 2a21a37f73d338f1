/** Campaigns (S3): a document with a version, read whole and written whole, and only if the version still is that. */
import type { FamilyClient } from './family.ts';
import type { Answer } from './answer.ts';
import {
  CAMPAIGN,
  CAMPAIGN_DOCUMENT,
  CAMPAIGN_PATH,
  CAMPAIGN_REFUSED,
  type CampaignDocument,
  ifMatch,
  type WireSelection,
} from './outbound.wire.ts';

export type { CampaignDocument, WireSelection } from './outbound.wire.ts';

export interface Campaign {
  readonly version: number;
  /** Some regions send one; the version is what counts. */
  readonly etag: string | null;
  readonly selection: WireSelection;
  /** As it came, for sending it back. */
  readonly document: CampaignDocument;
}

export interface ReadCampaignRequest {
  readonly campaignId: string;
  readonly signal?: AbortSignal;
}
export interface UpdateSelectionRequest {
  readonly campaignId: string;
  /** As it was read. */
  readonly document: CampaignDocument;
  /** Its version: CXone refuses the write when it has another one by now. */
  readonly version: number;
  /** The four parts; what the document's selection has besides stays. */
  readonly selection: Readonly<Record<string, unknown>>;
  /** Called synchronously right before the first byte leaves (again before the repeat after a 401); a throw stops it. */
  readonly beforeSend?: () => void;
}

/** `message` is CXone's own. */
export type UpdateSelectionAnswer = {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
} & (
  | {
      readonly kind: 'updated';
      readonly version: number;
      readonly selection: WireSelection;
      /** CXone's own measure, `x-request-duration-ms`. */
      readonly durationMs: number | null;
    }
  /** 409 or 412: somebody else wrote since. Nothing was changed. */
  | { readonly kind: 'outdated' }
  /** 400 or 422. Nothing was changed. */
  | { readonly kind: 'refused'; readonly message: string }
);

export interface Outbound {
  /** Errors: all of errors.ts. */
  readCampaign(request: ReadCampaignRequest): Promise<Campaign>;
  /** Guarded by the version: of two tries at most one is applied. Errors: all of errors.ts. */
  updateSelection(request: UpdateSelectionRequest): Promise<UpdateSelectionAnswer>;
}

export function createOutbound(client: FamilyClient): Outbound {
  return {
    readCampaign: (request) => readCampaign(client, request),
    updateSelection: (request) => updateSelection(client, request),
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
  const { version, contactSelection: selection } = answer.read(CAMPAIGN);
  return { version, selection, etag: answer.header('etag'), document: answer.read(CAMPAIGN_DOCUMENT) };
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
  if (status === 409 || status === 412) return { kind: 'outdated', status, requestId };
  if (status >= 300) {
    const message = answer.readIfPossible(CAMPAIGN_REFUSED)?.message ?? `refused (${status})`;
    return { kind: 'refused', message, status, requestId };
  }
  return { kind: 'updated', status, requestId, ...updatedOf(answer) };
}

function updatedOf(answer: Answer) {
  const { version, contactSelection: selection } = answer.read(CAMPAIGN);
  const duration = Number(answer.header('x-request-duration-ms') ?? Number.NaN);
  return { version, selection, durationMs: Number.isFinite(duration) && duration >= 0 ? duration : null };
}
