/** Campaign lists: capacity, suppressions and items (docs/cxone-contract.md#campaign-lists). */
import { requireReadable } from './answer.ts';
import type { FamilyClient } from './family.ts';
import {
  CAMPAIGN_CAPACITY,
  CAPACITY_PATH,
  ITEMS_ANSWER,
  ITEMS_PATH,
  MAX_ITEMS_PER_REQUEST,
  SUPPRESSIONS_PATH,
  type SuppressionEntry,
} from './lists.wire.ts';
import { matchItems, type NamedItem } from './named-items.ts';
import { createSuppressionReader } from './suppression-list.ts';

export type { ItemField, ListItem, SuppressionEntry } from './lists.wire.ts';
export { MAX_ITEMS_PER_REQUEST } from './lists.wire.ts';
export type { NamedItem } from './named-items.ts';

export interface CampaignCapacity {
  /** Items. null: CXone does not say. */
  readonly currentListSize: number | null;
  /** 0 means that the campaign is full. */
  readonly maxListSize: number | null;
  readonly listCapacity: number | null;
}

export interface ReadSuppressionsRequest {
  readonly signal?: AbortSignal;
  /** Awaited before each request, e.g. for a permit of the rate budget. */
  readonly beforeRequest?: () => Promise<void>;
  /**
   * Asks for a page behind the first one, and may ask again if that fails: then no entry of the page was passed on. Default:
   * once.
   */
  readonly askForPage?: <T>(ask: () => Promise<T>) => Promise<T>;
  /** At most 5,000 entries, in the order of the list. The answer waits until it resolves. */
  readonly onEntries: (entries: readonly SuppressionEntry[]) => Promise<void>;
}

export interface CreateItemsRequest {
  readonly listId: string;
  readonly items: SerializedItems;
  readonly signal?: AbortSignal;
  /**
   * Called synchronously right before the first byte leaves, and again before the repeat after a 401. If it throws,
   * nothing is sent.
   */
  readonly beforeSend?: () => void;
}
/** Items as JSON text, which is sent unchanged. */
export interface SerializedItems {
  /** 1 to 500. */
  readonly count: number;
  /** A JSON array. */
  readonly json: string;
}

/** `message` and `notes` come from CXone and may contain personal data: never log them, and redact what is not about one item. */
export type CreateItemsAnswer = {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
  /** What CXone says about single items. */
  readonly named: readonly NamedItem[];
  /** What CXone says beyond single items: the message of a refusal, and entries that name no item of the request. */
  readonly notes: readonly string[];
} & (
  | {
      readonly kind: 'created';
      /** null: not counted, so every item that is not named was accepted. */
      readonly itemsCreated: number | null;
    }
  /** 409: the list has the keys of some items. Nothing was created. */
  | { readonly kind: 'duplicates' }
  /** 400 or 422: nothing was created. */
  | { readonly kind: 'refused'; readonly message: string }
);

export interface Lists {
  /** Errors: those of errors.ts. */
  getCampaign(request: {
    readonly campaignId: string;
    readonly signal?: AbortSignal;
  }): Promise<CampaignCapacity>;
  /**
   * Streams the active suppressions, page by page or in one long answer. `isComplete: false`: an answer broke off, or is not
   * JSON from some point on, so entries are missing; repeating the read may help. Errors: those of errors.ts, and whatever
   * `onEntries` and `beforeRequest` throw.
   */
  readSuppressions(request: ReadSuppressionsRequest): Promise<{ readonly isComplete: boolean }>;
  /**
   * CXone creates all items of a batch or none. Errors: those of errors.ts; RangeError for a batch that is empty or too
   * large.
   */
  createItems(request: CreateItemsRequest): Promise<CreateItemsAnswer>;
  /**
   * Sends a batch without items, which creates nothing: resolves if CXone answers, whatever it says about the batch.
   * Errors: those of errors.ts.
   */
  probe(request: { readonly listId: string }): Promise<void>;
}

const ENTRIES_AT_A_TIME = 5_000;
/**
 * Of one reading: a million entries, a hundred to a page. At the default rate budget it takes ten minutes, less than the 15 minutes
 * for which a list is relied on by default.
 */
const MAX_PAGES = 10_000;
const TOO_MANY_PAGES =
  `the list of suppressions has more than ${MAX_PAGES.toLocaleString('en')} pages, which is as many as cxflow reads; ` +
  'remove entries that are no longer needed from it, or ask NICE support for larger pages';

export function createLists(client: FamilyClient): Lists {
  return {
    getCampaign: async ({ campaignId, signal }) => {
      const request = { verb: 'GET', path: CAPACITY_PATH, params: { campaignId } } as const;
      return (await client.call({ ...request, expect: [], signal })).read(CAMPAIGN_CAPACITY);
    },
    readSuppressions: (request) => readSuppressions(client, request),
    createItems: (request) => createItems(client, request),
    probe: async ({ listId }) => {
      const request = { verb: 'POST', path: ITEMS_PATH, params: { listId }, body: { items: [] } } as const;
      requireReadable(await client.call({ ...request, expect: [400, 422] }));
    },
  };
}

async function readSuppressions(client: FamilyClient, request: ReadSuppressionsRequest) {
  const { beforeRequest, askForPage = (ask) => ask() } = request;
  const readFrom = async (cursor: string | null) => {
    await beforeRequest?.();
    return readPage(client, request, cursor);
  };
  const cursors = new Set<string>();
  for (let page = await readFrom(null); ; ) {
    const { answer, isComplete, next } = page;
    if (next === null || !isComplete) return { isComplete };
    if (cursors.has(next)) throw answer.unreadable('its cursor leads back to an earlier page');
    cursors.add(next);
    if (cursors.size === MAX_PAGES) throw answer.tooLong(TOO_MANY_PAGES);
    page = await askForPage(() => readFrom(next));
  }
}

async function readPage(
  client: FamilyClient,
  { signal, onEntries }: ReadSuppressionsRequest,
  cursor: string | null,
) {
  const reader = createSuppressionReader();
  const waiting: SuppressionEntry[] = [];
  const passOn = async (least: number) => {
    while (waiting.length >= least) await onEntries(waiting.splice(0, ENTRIES_AT_A_TIME));
  };
  const answer = await client.call({
    verb: 'GET',
    path: SUPPRESSIONS_PATH,
    params: {},
    query: { status: 'ACTIVE', ...(cursor !== null && { cursor }) },
    expect: [],
    signal,
    onPart: async (part) => {
      waiting.push(...reader.push(part));
      await passOn(ENTRIES_AT_A_TIME);
      return !reader.isBroken;
    },
  });
  await passOn(1);
  if (!reader.isList) throw answer.unreadable('no list of suppressions');
  return { answer, isComplete: answer.isWhole && reader.isComplete, next: reader.next };
}

async function createItems(client: FamilyClient, request: CreateItemsRequest): Promise<CreateItemsAnswer> {
  const { listId, items, signal, beforeSend } = request;
  const { count, json } = items;
  if (count < 1 || count > MAX_ITEMS_PER_REQUEST)
    throw new RangeError(`a batch has 1 to ${MAX_ITEMS_PER_REQUEST} items, not ${count}`);
  const answer = await client.call({
    verb: 'POST',
    path: ITEMS_PATH,
    params: { listId },
    bodyText: `{"items":${json}}`,
    expect: [400, 409, 422],
    signal,
    beforeSend,
  });
  const { status, requestId } = answer;
  // The tutorial does not read the body of an accepted batch, so there may be none. An empty 200 is what a failing proxy sends.
  const isWithoutBody = answer.isEmpty && answer.status !== 200;
  const body = isWithoutBody ? ITEMS_ANSWER.parse({}) : answer.read(ITEMS_ANSWER);
  const { named, notes } = matchItems(body, count);
  const parts = { status, requestId, named, notes: body.message == null ? notes : [body.message, ...notes] };
  if (status === 409) return { kind: 'duplicates', ...parts };
  if (status >= 300) return { kind: 'refused', message: body.message ?? `refused (${status})`, ...parts };
  const { itemsCreated } = body;
  if ((itemsCreated ?? 0) > count) throw answer.unreadable('more items created than were sent');
  return { kind: 'created', itemsCreated, ...parts };
}
