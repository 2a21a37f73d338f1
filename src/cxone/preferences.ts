/**
 * Consent preferences (docs/cxone-contract.md#preferences). A batch is atomic, and repeating it with the same key and the
 * same bytes is safe.
 */
import { requireReadable } from './answer.ts';
import type { FamilyClient } from './family.ts';
import {
  matchPreferences,
  matchResults,
  type NamedPreference,
  type PreferenceResult,
} from './named-preferences.ts';
import {
  CONFLICT_RESOLUTION,
  MAX_PREFERENCES_PER_REQUEST,
  PREFERENCE_FOUND,
  PREFERENCES_BATCH_PATH,
  PREFERENCES_PATH,
  PREFERENCES_REFUSED,
  PREFERENCES_UPDATED,
  type PreferenceItem,
  type StoredPreference,
} from './preferences.wire.ts';

export type { NamedPreference, PreferenceResult } from './named-preferences.ts';
export type { PreferenceItem, StoredPreference } from './preferences.wire.ts';

export interface UpdateBatchRequest {
  /** 1 to 100, at most one for each contact and channel. */
  readonly items: readonly PreferenceItem[];
  /** `X-Idempotency-Key`. CXone answers a repeated key as it answered the first time. */
  readonly idempotencyKey: string;
  readonly signal?: AbortSignal;
  /**
   * Called synchronously right before the first byte leaves, and again before the repeat after a 401. If it throws,
   * nothing is sent.
   */
  readonly beforeSend?: () => void;
}
export interface FindPreferenceRequest {
  /** A GUID. */
  readonly contactId: string;
  readonly channel: string;
  readonly signal?: AbortSignal;
}

/** `message` and `notes` come from CXone and may contain personal data: never log them, and redact what is not about one item. */
export type UpdateBatchAnswer = AnswerParts &
  /** Items may be missing from the results. Read those back to find out whether they were applied. */
  (
    | { readonly kind: 'updated'; readonly results: readonly PreferenceResult[] }
    /** 409: nothing was applied. */
    | {
        readonly kind: 'conflicts';
        readonly message: string;
        readonly conflicts: readonly NamedPreference[];
      }
    /** 400 or 422: nothing was applied. */
    | { readonly kind: 'refused'; readonly message: string; readonly named: readonly NamedPreference[] }
  );
interface AnswerParts {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
  /** What CXone says beyond single items: the message of a refusal, and entries that match no item of the request. */
  readonly notes: readonly string[];
}

export interface Preferences {
  /** Errors: those of errors.ts; RangeError for a batch that is empty or too large. */
  updateBatch(request: UpdateBatchRequest): Promise<UpdateBatchAnswer>;
  /**
   * null: none on record. Errors: those of errors.ts; CxoneUnreadable also if the answer has several preferences, or one
   * of another contact or channel.
   */
  find(request: FindPreferenceRequest): Promise<StoredPreference | null>;
  /** Looks up nobody: resolves if CXone answers, whatever it says. Errors: those of errors.ts. */
  probe(): Promise<void>;
}

/** The nil UUID (RFC 9562, 5.9), which is nobody's. */
const NOBODY = { contactId: '00000000-0000-0000-0000-000000000000', channel: 'email' };

export function createPreferences(client: FamilyClient): Preferences {
  return {
    updateBatch: (request) => updateBatch(client, request),
    find: (request) => find(client, request),
    probe: async () => {
      const request = { verb: 'GET', path: PREFERENCES_PATH, params: {}, query: NOBODY } as const;
      requireReadable(await client.call({ ...request, expect: [400, 404, 422] }));
    },
  };
}

async function updateBatch(client: FamilyClient, request: UpdateBatchRequest): Promise<UpdateBatchAnswer> {
  const { items, idempotencyKey, signal, beforeSend } = request;
  if (items.length < 1 || items.length > MAX_PREFERENCES_PER_REQUEST) {
    throw new RangeError(`a batch has 1 to ${MAX_PREFERENCES_PER_REQUEST} items, not ${items.length}`);
  }
  const answer = await client.call({
    verb: 'POST',
    path: PREFERENCES_BATCH_PATH,
    params: {},
    headers: { 'X-Idempotency-Key': idempotencyKey, 'X-Conflict-Resolution': CONFLICT_RESOLUTION },
    body: items.map(orderKeys),
    expect: [400, 409, 422],
    signal,
    beforeSend,
  });
  const { status, requestId } = answer;
  if (status < 300) {
    return { kind: 'updated', status, requestId, ...matchResults(answer.read(PREFERENCES_UPDATED), items) };
  }
  const body = answer.read(PREFERENCES_REFUSED);
  const message = body.message ?? `refused (${status})`;
  const { named, notes: unnamed } = matchPreferences(
    [...(body.conflicts ?? []), ...(body.errors ?? [])],
    items,
  );
  const notes = body.message === null ? unnamed : [body.message, ...unnamed];
  return status === 409
    ? { kind: 'conflicts', status, requestId, message, conflicts: named, notes }
    : { kind: 'refused', status, requestId, message, named, notes };
}

/** Fixes the order of the keys: a repeat must have the same bytes, and the ledger does not preserve the order. */
function orderKeys(item: PreferenceItem): PreferenceItem {
  return {
    contactId: item.contactId,
    channel: item.channel,
    optIn: item.optIn,
    consentTimestamp: item.consentTimestamp,
    withdrawalTimestamp: item.withdrawalTimestamp,
    regulatoryRegion: item.regulatoryRegion,
    source: item.source,
    idempotencyKey: item.idempotencyKey,
    updatedAt: item.updatedAt,
  };
}

async function find(client: FamilyClient, request: FindPreferenceRequest): Promise<StoredPreference | null> {
  const { contactId, channel, signal } = request;
  const answer = await client.call({
    verb: 'GET',
    path: PREFERENCES_PATH,
    params: {},
    query: { contactId, channel },
    expect: [404],
    signal,
  });
  if (answer.status === 404) return null;
  const [found, ...more] = answer.read(PREFERENCE_FOUND);
  if (found === undefined) return null;
  if (more.length > 0) throw answer.unreadable('more than one preference for one contact and channel');
  // If a proxy or CXone ignored the query, one person's consent would be taken for another's.
  const isRequested = found.contactId.toLowerCase() === contactId.toLowerCase() && found.channel === channel;
  if (!isRequested) throw answer.unreadable('the preference of another contact or channel');
  return found;
}
