/** The two endpoints of contact lists (docs/cxone-contract.md#contact-lists). */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type ContactRecord,
  MAX_RECORDS_PER_REQUEST,
  type NamedEntry,
  RECORD_PATH,
  RECORDS_PATH,
} from '../cxone/contact-lists.wire.ts';
import { recordErrors } from './contactlists.rules.ts';
import { type ContactLists, phoneNumbers } from './contactlists.state.ts';
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
    const rejection = validateBatch(request.body, deps);
    if (rejection !== null) return reply.code(400).send(rejection);
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
  const duplicates = settings.refuseDuplicates
    ? lists.findDuplicates(listId, records)
    : records.map(() => null);
  const named = settings.naming === 'none' ? [] : duplicateWarnings(records, duplicates);
  const warnings = [...named, ...settings.warnings];
  const hasDuplicates = duplicates.some((duplicate) => duplicate !== null);
  if (hasDuplicates && settings.atomic)
    return reply.code(409).send({ message: 'duplicates; nothing was created', warnings });
  const fresh = hasDuplicates ? records.filter((_, i) => duplicates[i] === null) : records;
  const kept = request.fault?.dropRecords === undefined ? fresh : fresh.slice(0, -request.fault.dropRecords);
  addRecords(deps, 'create', listId, kept, request.headers['x-request-id']);
  const recordsCreated = Math.max(0, kept.length - (request.fault?.underreport ?? 0));
  return { id: newAnswerId(), recordsCreated, warnings, errors: [] };
}

/** 24 hexadecimal digits, as in the vendor tutorial. */
const newAnswerId = (): string => randomBytes(12).toString('hex');

/** Writes the journal first. */
export function addRecords(
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
    phones: phoneNumbers(record),
  }));
  journal.append({ family: 'contactlists', action, listId, requestId: requestId?.toString() ?? null, items });
  for (const item of items) lists.put(listId, item);
  return items;
}

/** Idempotent in its effect, but the journal has an entry for each request. */
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
  const [duplicate] = settings.refuseDuplicates ? lists.findDuplicates(listId, [record]) : [];
  if (duplicate && duplicate !== 'in batch' && duplicate.recordId !== recordId) {
    return reply.code(409).send({ message: 'another record has this contact and number' });
  }
  const item = { recordId, contactId: record.contactId, phones: phoneNumbers(record) };
  const requestId = request.headers['x-request-id']?.toString() ?? null;
  journal.append({ family: 'contactlists', action: 'update', listId, requestId, items: [item] });
  lists.put(listId, item);
  return { id: recordId };
}

/** The body of a 400, or null if the batch is valid. */
function validateBatch(body: unknown, { settings, nowMs }: ContactListsDeps) {
  const records = (body as { records?: unknown } | null)?.records;
  if (!Array.isArray(records) || Object.keys(body as object).length !== 1) {
    return { message: 'the body must be {"records": [...]}', errors: [] };
  }
  if (records.length < 1 || records.length > MAX_RECORDS_PER_REQUEST) {
    return {
      message: `1 to ${MAX_RECORDS_PER_REQUEST} records per request, not ${records.length}`,
      errors: [],
    };
  }
  const now = vendorTime(settings, nowMs()).getTime();
  const errors: NamedEntry[] = [];
  records.forEach((record: unknown, index) => {
    for (const error of recordErrors(record, now, settings.blockedNumbers))
      errors.push({ index, contactId: readContactId(record), ...error });
  });
  if (errors.length === 0) return null;
  return {
    message: 'records are invalid; nothing was created',
    errors: settings.naming === 'none' ? [] : errors,
  };
}

function duplicateWarnings(
  records: readonly ContactRecord[],
  duplicates: readonly (JournalItem | 'in batch' | null)[],
): NamedEntry[] {
  return duplicates.flatMap((duplicate, index) => {
    if (duplicate === null) return [];
    const message = duplicate === 'in batch' ? 'twice in this batch' : 'already in the list';
    const named = {
      index,
      contactId: readContactId(records[index]),
      code: 'DUPLICATE',
      field: 'phoneNumbers',
      message,
    };
    return [duplicate === 'in batch' ? named : { ...named, recordId: duplicate.recordId }];
  });
}

function isUnknown({ lists, settings }: ContactListsDeps, listId: string): boolean {
  return settings.strictLists && !lists.has(listId);
}

function readContactId(record: unknown): string | null {
  const id = (record as { contactId?: unknown } | null)?.contactId;
  return typeof id === 'string' ? id : null;
}

function fastifyPath(template: string): string {
  return template.replace(/\{(\w+)\}/g, ':$1');
}
