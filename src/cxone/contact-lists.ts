/** Records of contact lists (docs/cxone-contract.md#contact-lists). CXone creates all records of a batch or none. */
import { requireReadable } from './answer.ts';
import {
  type ContactRecord,
  MAX_RECORDS_PER_REQUEST,
  RECORD_PATH,
  RECORDS_CREATED,
  RECORDS_PATH,
  RECORDS_REFUSED,
} from './contact-lists.wire.ts';
import type { FamilyClient } from './family.ts';
import { aboutOne, matchRecords, type NamedRecord } from './named-records.ts';

export type { ContactRecord } from './contact-lists.wire.ts';
export type { NamedRecord } from './named-records.ts';

interface RequestOptions {
  readonly signal?: AbortSignal;
  /**
   * Called synchronously right before the first byte leaves, and again before the repeat after a 401. If it throws,
   * nothing is sent.
   */
  readonly beforeSend?: () => void;
}
export interface CreateRecordsRequest extends RequestOptions {
  readonly listId: string;
  /** 1 to 100 records. */
  readonly records: readonly ContactRecord[] | SerializedRecords;
}
/** Records as JSON text, which is sent unchanged. */
export interface SerializedRecords {
  readonly count: number;
  /** A JSON array. */
  readonly json: string;
  /** Called only if the answer names records. */
  readonly read: () => readonly ContactRecord[];
}
export interface UpdateRecordRequest extends RequestOptions {
  readonly listId: string;
  readonly recordId: string;
  readonly record: ContactRecord;
}

/** `message` and `notes` come from CXone and may contain personal data: never log them, and redact what is not about one record. */
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
  /** CXone's id of the answer. null: it has none. */
  readonly id: string | null;
  /** Entries of `warnings` and `errors` that could be matched to a record of the request. */
  readonly named: readonly NamedRecord[];
  /** What CXone says beyond single records: the message of a refusal, and the other entries. */
  readonly notes: readonly string[];
}

/** Refused with 400, 409 or 422; or with 404, if the record or its list does not exist any more. */
export type UpdateRecordAnswer =
  | { readonly kind: 'updated' }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly message: string;
      /** The entries of its `errors` and `warnings`, which are all about the one record; index 0. */
      readonly named: readonly NamedRecord[];
    };

export interface ContactLists {
  /** Errors: those of errors.ts; RangeError for a batch that is empty or too large. */
  createRecords(request: CreateRecordsRequest): Promise<CreateRecordsAnswer>;
  /** Idempotent. Errors: those of errors.ts. */
  updateRecord(request: UpdateRecordRequest): Promise<UpdateRecordAnswer>;
  /**
   * Sends a batch without records, which creates nothing: resolves if CXone answers, whatever it says about the batch.
   * Errors: those of errors.ts.
   */
  probe(request: { readonly listId: string }): Promise<void>;
}

export function createContactLists(client: FamilyClient): ContactLists {
  return {
    createRecords: (request) => createRecords(client, request),
    updateRecord: (request) => updateRecord(client, request),
    probe: async ({ listId }) => {
      const request = {
        verb: 'POST',
        path: RECORDS_PATH,
        params: { listId },
        body: { records: [] },
      } as const;
      requireReadable(await client.call({ ...request, expect: [400, 422] }));
    },
  };
}

async function createRecords(
  client: FamilyClient,
  request: CreateRecordsRequest,
): Promise<CreateRecordsAnswer> {
  const { listId, signal, beforeSend } = request;
  const { count, json, read } = 'json' in request.records ? request.records : serialize(request.records);
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
    // Without its names, a refusal could be misread: whom a repeat names would be missing.
    const body = answer.read(RECORDS_REFUSED);
    const { named, notes } = matchRecords(body, read);
    const all = body.message == null ? notes : [body.message, ...notes];
    const parts = { status, requestId, id: body.id, named, notes: all };
    return status === 409
      ? { kind: 'duplicates', ...parts }
      : { kind: 'refused', message: body.message ?? `refused (${status})`, ...parts };
  }
  const created = answer.read(RECORDS_CREATED);
  const { recordsCreated, id } = created;
  if (recordsCreated > count) throw answer.unreadable('more records created than were sent');
  return { kind: 'created', status, requestId, id, recordsCreated, ...matchRecords(created, read) };
}

function serialize(records: readonly ContactRecord[]): SerializedRecords {
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
    const { status } = answer;
    const body = answer.tryRead(RECORDS_REFUSED);
    const message = body?.message ?? `refused (${status})`;
    return { kind: 'refused', status, message, named: body === null ? [] : aboutOne(body) };
  }
  requireReadable(answer);
  return { kind: 'updated' };
}
