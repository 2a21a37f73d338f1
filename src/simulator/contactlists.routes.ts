/** The two endpoints of contact lists: cxone-api.md "contactlists (S1)". */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type ContactRecord,
  MAX_RECORDS_PER_REQUEST,
  type NamedEntry,
  RECORD_PATH,
  RECORDS_PATH,
} from '../cxone/contact-lists.wire.ts';
import { recordErrors } from './contactlists.rules.ts';
import { type ContactLists, phonesOf } from './contactlists.state.ts';
import type { Journal, JournalItem } from './journal.ts';
import { type Settings, vendorTime } from './settings.ts';

export interface ContactListsDeps {
  readonly lists: ContactLists;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly nowMs: () => number;
}

const ACCESS = { config: { api: { family: 'contactlists', scope: 'contactlists:write' } } } as const;

export function registerContactLists(app: FastifyInstance, deps: ContactListsDeps): void {
  app.post<{ Params: { listId: string } }>(fastifyPath(RECORDS_PATH), ACCESS, async (request, reply) => {
    const { listId } = request.params;
    if (isUnknown(deps, listId)) return reply.code(404).send({ message: 'no such contact list' });
    const refusal = refuseBatch(request.body, deps);
    if (refusal !== null) return reply.code(400).send(refusal);
    return createRecords(
      deps,
      listId,
      (request.body as { records: ContactRecord[] }).records,
      request,
      reply,
    );
  });
  app.put<{ Params: { listId: string; recordId: string } }>(
    fastifyPath(RECORD_PATH),
    ACCESS,
    async (request, reply) => updateRecord(deps, request.params, request, reply),
  );
}

function createRecords(
  deps: ContactListsDeps,
  listId: string,
  records: readonly ContactRecord[],
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { lists, settings } = deps;
  const twins = settings.refuseDuplicates ? lists.findDuplicates(listId, records) : records.map(() => null);
  const warnings = settings.naming === 'none' ? [] : duplicateWarnings(records, twins);
  const hasTwin = twins.some((twin) => twin !== null);
  if (hasTwin && settings.atomic)
    return reply.code(409).send({ message: 'duplicates; nothing was created', warnings });
  const fresh = hasTwin ? records.filter((_, i) => twins[i] === null) : records;
  const kept = request.fault?.dropRecords === undefined ? fresh : fresh.slice(0, -request.fault.dropRecords);
  apply(deps, 'create', listId, kept, request.headers['x-request-id']);
  const recordsCreated = Math.max(0, kept.length - (request.fault?.underreport ?? 0));
  return { id: randomUUID(), recordsCreated, warnings, errors: [] };
}

/** Puts records there, in the journal first. */
export function apply(
  { lists, journal }: Pick<ContactListsDeps, 'lists' | 'journal'>,
  action: 'create' | 'seed',
  listId: string,
  records: readonly ContactRecord[],
  requestId?: string | string[],
): JournalItem[] {
  const firstN = journal.nextN();
  const items = records.map((record, i) => ({
    recordId: `r${firstN + i}`,
    contactId: record.contactId,
    phones: phonesOf(record),
  }));
  journal.append({ family: 'contactlists', action, listId, requestId: requestId?.toString() ?? null, items });
  for (const item of items) lists.put(listId, item);
  return items;
}

/** Idempotent in its effect; the journal has every time. */
function updateRecord(
  deps: ContactListsDeps,
  { listId, recordId }: { readonly listId: string; readonly recordId: string },
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { lists, journal, nowMs, settings } = deps;
  if (lists.find(listId, recordId) === null) return reply.code(404).send({ message: 'no such record' });
  const errors = recordErrors(request.body, vendorTime(settings, nowMs()).getTime(), settings.blockedNumbers);
  if (errors.length > 0) return reply.code(400).send({ message: 'the record is invalid', errors });
  const record = request.body as ContactRecord;
  const [twin] = settings.refuseDuplicates ? lists.findDuplicates(listId, [record]) : [];
  if (twin && twin !== 'in batch' && twin.recordId !== recordId) {
    return reply.code(409).send({ message: 'another record has this contact and number' });
  }
  const item = { recordId, contactId: record.contactId, phones: phonesOf(record) };
  const requestId = request.headers['x-request-id']?.toString() ?? null;
  journal.append({ family: 'contactlists', action: 'update', listId, requestId, items: [item] });
  lists.put(listId, item);
  return { id: recordId };
}

function refuseBatch(body: unknown, { settings, nowMs }: ContactListsDeps) {
  const records = (body as { records?: unknown } | null)?.records;
  if (!Array.isArray(records) || Object.keys(body as object).length !== 1) {
    return { message: 'the body must be {"records": [...]}', errors: [] };
  }
  if (records.length < 1 || records.length > MAX_RECORDS_PER_REQUEST) {
    return {
      message: `1 to ${MAX_RECORDS_PER_REQUEST} records a request, not ${records.length}`,
      errors: [],
    };
  }
  const now = vendorTime(settings, nowMs()).getTime();
  const errors: NamedEntry[] = [];
  records.forEach((record: unknown, index) => {
    for (const error of recordErrors(record, now, settings.blockedNumbers))
      errors.push({ index, contactId: contactIdOf(record), ...error });
  });
  if (errors.length === 0) return null;
  return {
    message: 'records are invalid; nothing was created',
    errors: settings.naming === 'none' ? [] : errors,
  };
}

function duplicateWarnings(
  records: readonly ContactRecord[],
  twins: readonly (JournalItem | 'in batch' | null)[],
): NamedEntry[] {
  return twins.flatMap((twin, index) => {
    if (twin === null) return [];
    const message = twin === 'in batch' ? 'twice in this batch' : 'already in the list';
    const named = {
      index,
      contactId: contactIdOf(records[index]),
      code: 'DUPLICATE',
      field: 'phoneNumbers',
      message,
    };
    return [twin === 'in batch' ? named : { ...named, recordId: twin.recordId }];
  });
}

function isUnknown({ lists, settings }: ContactListsDeps, listId: string): boolean {
  return settings.strictLists && !lists.has(listId);
}

function contactIdOf(record: unknown): string | null {
  const id = (record as { contactId?: unknown } | null)?.contactId;
  return typeof id === 'string' ? id : null;
}

function fastifyPath(template: string): string {
  return template.replace(/\{(\w+)\}/g, ':$1');
}
