/** Example operation: how its rows are read, and its one kind of write. */
import { findSuppressed } from '../../src/activities/consent/suppression.ts';
import type { BulkDefinition, ReadRow } from '../../src/activities/engine/definition.ts';
import { runInput } from '../../src/activities/engine/run-input.ts';
import {
  type Answer,
  BATCH_DEADLINE_MS,
  type WriteAttempt,
} from '../../src/activities/engine/write-definition.ts';
import type { ActivityDeps } from '../../src/activities/index.ts';
import type { PendingRecord } from '../../src/ledger/runs/records.ts';
import { CREATE, interpret } from './answers.ts';
import { callbackRequest as spec } from './contract.ts';

interface Callback {
  readonly contactId: string;
  readonly phone: string;
}

export function defineCallbackRequest(deps: ActivityDeps): { readonly definition: BulkDefinition } {
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: 10,
    firstWrite: () => CREATE,
    personalValues: (record) => [(record as Callback).contactId, (record as Callback).phone],
    writes: {
      // CXone refuses contacts that the list already has, so a repeated request adds nobody twice.
      [CREATE]: {
        repeatable: true,
        claimAhead: true,
        deadlineMs: BATCH_DEADLINE_MS,
        probe: {
          request: (run) => deps.cxone.contactLists.probe({ listId: runInput(spec, run).listId }),
          isConclusive: false,
        },
        // A person who asks for a callback agrees to be called, but later objections still count.
        gate: async (attempt) => ({
          withheld: await findSuppressed(deps.ledger, () => attempt.records.map(toPerson), ['voice']),
        }),
        send: (attempt) => addToList(deps, attempt),
      },
    },
    event: { name: 'callback_requests.added', endpoint: 'crm' },
    createReader: () => readCallback,
    findDuplicates: none,
  };
  return { definition };
}

function readCallback({ contactId, phone }: Readonly<Record<string, unknown>>): ReadRow {
  if (typeof contactId !== 'string' || typeof phone !== 'string')
    return { reasons: [{ code: 'required', field: 'contactId, phone' }] };
  return { record: { contactId, phone }, key1: contactId, key2: phone };
}

function toPerson({ seq, record }: PendingRecord) {
  return { seq, contactId: (record as Callback).contactId };
}

async function addToList({ cxone }: ActivityDeps, attempt: WriteAttempt): Promise<Answer> {
  const { listId } = runInput(spec, attempt.run);
  const records = attempt.records.map(({ record }) => toContact(record as Callback, attempt.run.started_at));
  const answer = await cxone.contactLists.createRecords({ listId, records, beforeSend: attempt.beforeSend });
  return {
    ...interpret(answer, attempt),
    httpStatus: answer.status,
    requestId: answer.requestId,
    cxoneId: answer.id,
    messages: answer.notes,
    details: `${answer.kind}: ${attempt.seqs.length} callbacks`,
  };
}

function toContact({ contactId, phone }: Callback, askedAt: Date) {
  return {
    contactId,
    phoneNumbers: [{ type: 'mobile', number: phone }],
    customFields: {},
    consentTimestamp: askedAt.toISOString(),
    optInStatus: 'confirmed' as const,
  };
}

async function* none(): AsyncIterable<never> {
  // No rows are duplicates: a person who asks twice is called twice.
}
