/** The two endpoints of consent preferences (docs/cxone-contract.md#preferences). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  CONFLICT_RESOLUTION,
  MAX_PREFERENCES_PER_REQUEST,
  PREFERENCES_BATCH_PATH,
  PREFERENCES_PATH,
  type PreferenceItem,
} from '../cxone/preferences.wire.ts';
import type { Journal } from './journal.ts';
import { isChannel, isGuid, type PreferenceError, preferenceErrors } from './preferences.rules.ts';
import { contentKey, type Preferences, preferenceKey, type Stored, toPublic } from './preferences.state.ts';
import type { Settings } from './settings.ts';

export interface PreferencesDeps {
  readonly preferences: Preferences;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly nowMs: () => number;
}

const WRITE = { config: { api: { family: 'preferences', scope: 'preferences:write' } } } as const;
const READ = { config: { api: { family: 'preferences', scope: 'preferences:read' } } } as const;

export function registerPreferences(app: FastifyInstance, deps: PreferencesDeps): void {
  app.post(PREFERENCES_BATCH_PATH, WRITE, async (request, reply) => updateBatch(deps, request, reply));
  app.get<{ Querystring: { contactId?: unknown; channel?: unknown } }>(
    PREFERENCES_PATH,
    READ,
    async (request, reply) => find(deps, request.query, reply),
  );
}

function find(
  { preferences, settings }: PreferencesDeps,
  { contactId, channel }: { readonly contactId?: unknown; readonly channel?: unknown },
  reply: FastifyReply,
) {
  if (!isGuid(contactId) || !isChannel(channel)) {
    return reply.code(400).send({ message: 'the query must be contactId (a GUID) and channel' });
  }
  const stored = preferences.find(String(contactId), String(channel));
  if (settings.preferencesAs === 'array') return reply.send(stored === null ? [] : [toPublic(stored)]);
  if (stored === null) return reply.code(404).send({ message: 'no preference on record' });
  return reply.send(toPublic(stored));
}

/** Synchronous, so that of two requests with the same key only one can be the first. */
function updateBatch(deps: PreferencesDeps, request: FastifyRequest, reply: FastifyReply) {
  const { preferences, settings, nowMs } = deps;
  const headers = readHeaders(request);
  if (typeof headers === 'string') return reply.code(400).send({ message: headers, errors: [] });
  const body = JSON.stringify(request.body);
  const known = preferences.findAnswer(headers.batchKey, nowMs());
  if (known !== null && known.body !== body) {
    return reply.code(422).send({ message: 'this X-Idempotency-Key was used with another body', errors: [] });
  }
  if (known !== null) return reply.code(known.status).send(known.answer);
  const rejection = validateBatch(request.body, deps);
  // Nothing was applied, so the answer is not stored: the key may be used again with a corrected body.
  if (rejection !== null) return reply.code(400).send(rejection);
  const items = request.body as PreferenceItem[];
  const dropped = request.fault?.dropRecords ?? 0;
  const [status, answer] = applyBatch(deps, items.slice(0, items.length - dropped), headers);
  const expiresAtMs = nowMs() + settings.idempotencyKeySeconds * 1000;
  preferences.storeAnswer(headers.batchKey, { body, status, answer, expiresAtMs });
  return reply.code(status).send(answer);
}

interface Headers {
  readonly batchKey: string;
  readonly requestId: string | null;
}

/** A string says what is wrong with them. */
function readHeaders({ headers }: FastifyRequest): Headers | string {
  const batchKey = headers['x-idempotency-key']?.toString() ?? '';
  if (batchKey === '') return 'the header X-Idempotency-Key is missing';
  if (headers['x-conflict-resolution'] !== CONFLICT_RESOLUTION)
    return `the header X-Conflict-Resolution must be ${CONFLICT_RESOLUTION}`;
  return { batchKey, requestId: headers['x-request-id']?.toString() ?? null };
}

/** The body of a 400, or null if the batch is valid. */
function validateBatch(body: unknown, { settings, nowMs }: PreferencesDeps) {
  if (!Array.isArray(body)) return { message: 'the body must be an array of preferences', errors: [] };
  if (body.length < 1 || body.length > MAX_PREFERENCES_PER_REQUEST) {
    const message = `1 to ${MAX_PREFERENCES_PER_REQUEST} preferences per request, not ${body.length}`;
    return { message, errors: [] };
  }
  const now = nowMs();
  const errors = body.flatMap((item: unknown, index) =>
    preferenceErrors(item, now).map((error): PreferenceError & { index: number } => ({ index, ...error })),
  );
  if (errors.length === 0) return null;
  const message = 'preferences are invalid; nothing was applied';
  return { message, errors: settings.naming === 'none' ? [] : errors };
}

/** All or nothing: a conflict that the timestamps cannot resolve rejects the whole batch. */
function applyBatch(
  { preferences, journal, settings }: PreferencesDeps,
  items: readonly PreferenceItem[],
  { batchKey, requestId }: Headers,
): [status: number, answer: unknown] {
  const conflicts = items.flatMap((item, index) =>
    isConflict(preferences, items, index)
      ? [{ index, contactId: item.contactId, channel: item.channel }]
      : [],
  );
  if (conflicts.length > 0) {
    const message = 'conflicting updates that timestamp-wins cannot resolve; nothing was applied';
    return [409, { message, conflicts: settings.naming === 'none' ? [] : conflicts }];
  }
  const compared = items.map((item) =>
    compareWithStored(item, preferences.find(item.contactId, item.channel)),
  );
  const newer = items.filter((_, i) => compared[i] === 'newer');
  store({ preferences, journal }, 'update', newer, { batchKey, requestId });
  return [200, items.map((item, i) => toResult(item, compared[i] === 'older', preferences))];
}

/** Writes the journal first. */
export function store(
  { preferences, journal }: Pick<PreferencesDeps, 'preferences' | 'journal'>,
  action: 'update' | 'seed',
  items: readonly PreferenceItem[],
  { batchKey, requestId }: { readonly batchKey: string | null; readonly requestId: string | null },
): void {
  const firstN = journal.nextN();
  const stored = items.map((item, i): Stored => {
    const id = preferences.find(item.contactId, item.channel)?.id ?? `pref-${firstN + i}`;
    return { id, ...item, batchKey };
  });
  journal.append({ family: 'preferences', action, requestId, items: stored });
  for (const each of stored) preferences.put(each);
}

/** The contact and channel or the item key appear twice, the key belongs to another content, or two contents have the same time. */
function isConflict(preferences: Preferences, items: readonly PreferenceItem[], index: number): boolean {
  const item = items[index] as PreferenceItem;
  const isTwice = items
    .slice(0, index)
    .some((each) => preferenceKey(each) === preferenceKey(item) || hasSameKey(each, item));
  if (isTwice || preferences.isKeyTaken(item)) return true;
  const stored = preferences.find(item.contactId, item.channel);
  return compareWithStored(item, stored) === 'unresolvable';
}

function hasSameKey(a: PreferenceItem, b: PreferenceItem): boolean {
  return a.idempotencyKey.toLowerCase() === b.idempotencyKey.toLowerCase();
}

type Comparison = 'newer' | 'older' | 'same' | 'unresolvable';

function compareWithStored(item: PreferenceItem, stored: Stored | null): Comparison {
  if (stored === null) return 'newer';
  if (contentKey(item) === contentKey(stored)) return 'same';
  const ahead = Date.parse(item.updatedAt) - Date.parse(stored.updatedAt);
  if (ahead === 0) return 'unresolvable';
  return ahead > 0 ? 'newer' : 'older';
}

/** A result as the preferences tutorial shows it; where the stored preference won, that one is returned. */
function toResult({ contactId, channel }: PreferenceItem, isResolved: boolean, preferences: Preferences) {
  const stored = preferences.find(contactId, channel);
  return {
    id: stored?.id ?? null,
    contactId,
    channel,
    optIn: stored?.optIn ?? null,
    status: isResolved ? 'unchanged' : 'updated',
    conflictResolved: isResolved,
  };
}
