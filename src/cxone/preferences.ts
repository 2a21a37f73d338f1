/** Consent preferences (S0). A batch is atomic; repeating it with the same key and the same bytes is safe. */
import type { FamilyClient } from './family.ts';
import {
  type NamedPreference,
  namePreferences,
  type PreferenceResult,
  resultsOf,
} from './named-preferences.ts';
import {
  CONFLICT_RESOLUTION,
  MAX_PREFERENCES_PER_REQUEST,
  PREFERENCE_FOUND,
  type PreferenceItem,
  PREFERENCES_BATCH_PATH,
  PREFERENCES_PATH,
  PREFERENCES_REFUSED,
  PREFERENCES_UPDATED,
  type StoredPreference,
} from './preferences.wire.ts';

export type { NamedPreference, PreferenceResult } from './named-preferences.ts';
export type { PreferenceItem, StoredPreference } from './preferences.wire.ts';

export interface UpdateBatchRequest {
  /** 1 to 100, one for each contact and channel. */
  readonly items: readonly PreferenceItem[];
  /** `X-Idempotency-Key`: CXone answers a repeated one as it answered the first. */
  readonly idempotencyKey: string;
  readonly signal?: AbortSignal;
  /** Called synchronously right before the first byte leaves (again before the repeat after a 401); a throw stops it. */
  readonly beforeSend?: () => void;
}
export interface FindPreferenceRequest {
  /** A GUID. */
  readonly contactId: string;
  readonly channel: string;
  readonly signal?: AbortSignal;
}

/** `message` and `notes` are CXone's own words and may hold personal data: for the ledger, never for a log. */
export type UpdateBatchAnswer = AnswerParts &
  /** An item without a result is missing here: whether it was applied, reading it back tells. */
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
  /** What the answer says that fits no item of the request. */
  readonly notes: readonly string[];
}

export interface Preferences {
  /** Errors: all of errors.ts; RangeError for a batch of another size. */
  updateBatch(request: UpdateBatchRequest): Promise<UpdateBatchAnswer>;
  /**
   * null: none on record. Errors: all of errors.ts; CxoneUnreadable also where the answer speaks of somebody else, of
   * another channel, or has more than one.
   */
  find(request: FindPreferenceRequest): Promise<StoredPreference | null>;
}

export function createPreferences(client: FamilyClient): Preferences {
  return {
    updateBatch: (request) => updateBatch(client, request),
    find: (request) => find(client, request),
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
    body: items.map(wireItem),
    expect: [400, 409, 422],
    signal,
    beforeSend,
  });
  const { status, requestId } = answer;
  if (status < 300) {
    return { kind: 'updated', status, requestId, ...resultsOf(answer.read(PREFERENCES_UPDATED), items) };
  }
  // A refusal that cannot be read names nobody, and is a refusal all the same.
  const body = answer.readIfPossible(PREFERENCES_REFUSED);
  const message = body?.message ?? `refused (${status})`;
  const { named, notes } = namePreferences([...(body?.conflicts ?? []), ...(body?.errors ?? [])], items);
  return status === 409
    ? { kind: 'conflicts', status, requestId, message, conflicts: named, notes }
    : { kind: 'refused', status, requestId, message, named, notes };
}

/** Always in this order: the bytes of a repeat must be those of the first, and a database may shuffle keys. */
function wireItem(item: PreferenceItem): PreferenceItem {
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
  // A proxy or a tenant that overlooks the query must not lend one person's consent to another.
  const isAsked = found.contactId.toLowerCase() === contactId.toLowerCase() && found.channel === channel;
  if (!isAsked) throw answer.unreadable('the preference of another contact or channel');
  return found;
}
