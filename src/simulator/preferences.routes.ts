/** The two endpoints of consent preferences: cxone-api.md "preferences (S0)". */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  CONFLICT_RESOLUTION,
  MAX_PREFERENCES_PER_REQUEST,
  type PreferenceItem,
  PREFERENCES_BATCH_PATH,
  PREFERENCES_PATH,
} from '../cxone/preferences.wire.ts';
import type { Journal } from './journal.ts';
import { isChannel, isGuid, type PreferenceError, preferenceErrors } from './preferences.rules.ts';
import { contentOf, placeOf, type Preferences, publicOf, type Stored } from './preferences.state.ts';
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
  if (settings.preferencesAs === 'array') return reply.send(stored === null ? [] : [publicOf(stored)]);
  if (stored === null) return reply.code(404).send({ message: 'no preference on record' });
  return reply.send(publicOf(stored));
}

/** Judged in one go, without a pause: two requests with one key cannot both be the first. */
function updateBatch(deps: PreferencesDeps, request: FastifyRequest, reply: FastifyReply) {
  const { preferences, settings, nowMs } = deps;
  const headers = headersOf(request);
  if (typeof headers === 'string') return reply.code(400).send({ message: headers, errors: [] });
  const body = JSON.stringify(request.body);
  const known = preferences.answerOf(headers.batchKey, nowMs());
  if (known !== null && known.body !== body) {
    return reply.code(422).send({ message: 'this X-Idempotency-Key came with another body', errors: [] });
  }
  if (known !== null) return reply.code(known.status).send(known.answer);
  const refusal = refuse(request.body, deps);
  // Nothing was done, and nothing is remembered: the same key may come with a mended body.
  if (refusal !== null) return reply.code(400).send(refusal);
  const items = request.body as PreferenceItem[];
  const dropped = request.fault?.dropRecords ?? 0;
  const [status, answer] = settle(deps, items.slice(0, items.length - dropped), headers);
  const expiresAtMs = nowMs() + settings.idempotencyKeySeconds * 1000;
  preferences.remember(headers.batchKey, { body, status, answer, expiresAtMs });
  return reply.code(status).send(answer);
}

interface Headers {
  readonly batchKey: string;
  readonly requestId: string | null;
}

/** Or what is wrong with them. */
function headersOf({ headers }: FastifyRequest): Headers | string {
  const batchKey = headers['x-idempotency-key']?.toString() ?? '';
  if (batchKey === '') return 'the header X-Idempotency-Key is missing';
  if (headers['x-conflict-resolution'] !== CONFLICT_RESOLUTION)
    return `the header X-Conflict-Resolution must be ${CONFLICT_RESOLUTION}`;
  return { batchKey, requestId: headers['x-request-id']?.toString() ?? null };
}

function refuse(body: unknown, { settings, nowMs }: PreferencesDeps) {
  if (!Array.isArray(body)) return { message: 'the body must be an array of preferences', errors: [] };
  if (body.length < 1 || body.length > MAX_PREFERENCES_PER_REQUEST) {
    const message = `1 to ${MAX_PREFERENCES_PER_REQUEST} preferences a request, not ${body.length}`;
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

/** All or nothing: one conflict that the timestamps do not settle, and none of the batch is applied. */
function settle(
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
    const message = 'conflicting updates that timestamp-wins cannot settle; nothing was applied';
    return [409, { message, conflicts: settings.naming === 'none' ? [] : conflicts }];
  }
  const verdicts = items.map((item) => verdictOf(item, preferences.find(item.contactId, item.channel)));
  const fresh = items.filter((_, i) => verdicts[i] === 'newer');
  store({ preferences, journal }, 'update', fresh, { batchKey, requestId });
  return [200, items.map((item, i) => resultOf(item, verdicts[i] === 'older', preferences))];
}

/** Puts preferences there, in the journal first. */
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

/** The same contact and channel twice, a key that was something else's, or another content of the very same time. */
function isConflict(preferences: Preferences, items: readonly PreferenceItem[], index: number): boolean {
  const item = items[index] as PreferenceItem;
  const isTwice = items.findIndex((each) => placeOf(each) === placeOf(item)) < index;
  if (isTwice || preferences.isKeyTaken(item)) return true;
  const stored = preferences.find(item.contactId, item.channel);
  return verdictOf(item, stored) === 'undecided';
}

/** `same`: says what is stored already. */
function verdictOf(item: PreferenceItem, stored: Stored | null): 'newer' | 'older' | 'same' | 'undecided' {
  if (stored === null) return 'newer';
  if (contentOf(item) === contentOf(stored)) return 'same';
  const ahead = Date.parse(item.updatedAt) - Date.parse(stored.updatedAt);
  if (ahead === 0) return 'undecided';
  return ahead > 0 ? 'newer' : 'older';
}

/** As S0 shows it; where the stored one won, it is the one that is told. */
function resultOf({ contactId, channel }: PreferenceItem, isResolved: boolean, preferences: Preferences) {
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
