/** Records of contact lists (S1). A batch is atomic: CXone creates all of it or nothing. */
import {
  type ContactRecord,
  MAX_RECORDS_PER_REQUEST,
  RECORD_PATH,
  RECORDS_CREATED,
  RECORDS_PATH,
  RECORDS_REFUSED,
} from './contact-lists.wire.ts';
import type { FamilyClient } from './family.ts';
import { type NamedRecord, nameRecords } from './named-records.ts';
import { z } from 'zod';

export type { ContactRecord } from './contact-lists.wire.ts';
export type { NamedRecord } from './named-records.ts';

interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Called synchronously right before the first byte leaves (again before the repeat after a 401); a throw stops it. */
  readonly beforeSend?: () => void;
}
export interface CreateRecordsRequest extends RequestOptions {
  readonly listId: string;
  /** 1 to 100. */
  readonly records: readonly ContactRecord[] | KeptRecords;
}
/** Records that are at hand as text, which is sent as it is. */
export interface KeptRecords {
  readonly count: number;
  /** An array. */
  readonly json: string;
  /** Called only where the answer names some of them. */
  readonly read: () => readonly ContactRecord[];
}
export interface UpdateRecordRequest extends RequestOptions {
  readonly listId: string;
  readonly recordId: string;
  readonly record: ContactRecord;
}

/** `message` and `notes` are CXone's own words and may hold personal data: for the ledger, never for a log. */
export type CreateRecordsAnswer = AnswerParts &
  (
    | { readonly kind: 'created'; readonly recordsCreated: number }
    /** 409: nothing was created. */
    | { readonly kind: 'duplicates' }
    /** 400 or 422: nothing was created. */
    | { readonly kind: 'refused'; readonly message: string }
  );
interface AnswerParts {
  readonly status: number;
  /** Our `X-Request-Id`. */
  readonly requestId: string;
  /** Entries of `warnings` and `errors` that point at records of the request. */
  readonly named: readonly NamedRecord[];
  /** What they say beside that. */
  readonly notes: readonly string[];
}

/** Refused with 400, 409, 422, or 404: the record has gone, or its list, which the next batch will tell. */
export type UpdateRecordAnswer =
  | { readonly kind: 'updated' }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

export interface ContactLists {
  /** Errors: all of errors.ts; RangeError for a batch of another size. */
  createRecords(request: CreateRecordsRequest): Promise<CreateRecordsAnswer>;
  /** Idempotent. Errors: all of errors.ts. */
  updateRecord(request: UpdateRecordRequest): Promise<UpdateRecordAnswer>;
}

export function createContactLists(client: FamilyClient): ContactLists {
  return {
    createRecords: (request) => createRecords(client, request),
    updateRecord: (request) => updateRecord(client, request),
  };
}

async function createRecords(
  client: FamilyClient,
  request: CreateRecordsRequest,
): Promise<CreateRecordsAnswer> {
  const { listId, signal, beforeSend } = request;
  const { count, json, read } = 'json' in request.records ? request.records : keep(request.records);
  if (count < 1 || count > MAX_RECORDS_PER_REQUEST) {
    throw new RangeError(`a batch has 1 to ${MAX_RECORDS_PER_REQUEST} records, not ${count}`);
  }
  const answer = await client.call({
    verb: 'POST',
    path: RECORDS_PATH,
    params: { listId },
    bodyText: `{"records":${json}}`,
    expect: [400, 409, 422],
    signal,
    beforeSend,
  });
  const { status, requestId } = answer;
  if (status >= 300) {
    // A refusal that cannot be read names nobody, and is a refusal all the same.
    const body = answer.readIfPossible(RECORDS_REFUSED) ?? { message: null, warnings: [], errors: [] };
    const parts = { status, requestId, ...nameRecords(body, read) };
    return status === 409
      ? { kind: 'duplicates', ...parts }
      : { kind: 'refused', message: body.message ?? `refused (${status})`, ...parts };
  }
  const created = answer.read(RECORDS_CREATED);
  const { recordsCreated } = created;
  if (recordsCreated > count) throw answer.unreadable('more records created than were sent');
  return { kind: 'created', status, requestId, recordsCreated, ...nameRecords(created, read) };
}

function keep(records: readonly ContactRecord[]): KeptRecords {
  return { count: records.length, json: JSON.stringify(records), read: () => records };
}

async function updateRecord(client: FamilyClient, request: UpdateRecordRequest): Promise<UpdateRecordAnswer> {
  const { listId, recordId, record, signal, beforeSend } = request;
  const answer = await client.call({
    verb: 'PUT',
    path: RECORD_PATH,
    params: { listId, recordId },
    body: record,
    expect: [400, 404, 409, 422],
    signal,
    beforeSend,
  });
  if (answer.status >= 300) {
    const body = answer.readIfPossible(RECORDS_REFUSED);
    return { kind: 'refused', status: answer.status, message: body?.message ?? `refused (${answer.status})` };
  }
  // S1 does not show the body of this 200; a login page or half an object is none all the same.
  if (!answer.isEmpty) answer.read(z.unknown());
  return { kind: 'updated' };
}
