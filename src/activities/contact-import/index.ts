/** Defines the contact import for the engine: how rows are read, and its requests to CXone. */
import { contactImportOptions, contactImport as spec } from '../../contract/contact-import.ts';
import type { CreateRecordsAnswer, UpdateRecordAnswer } from '../../cxone/contact-lists.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import { CxoneError } from '../../cxone/errors.ts';
import {
  CONTACTS_PER_BATCH,
  type Contact,
  contactMapProblems,
  createDuplicateFinder,
  readContact,
  resolveContactColumns,
} from '../../domain/contact-import/contacts.ts';
import { plural } from '../../domain/numbers.ts';
import { type Reason, toReason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { DuplicateCandidate, DuplicateRow, PendingRecord } from '../../ledger/runs/records.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { DerivedWrite, SettledGroup } from '../../ledger/writes/settlements.ts';
import { SourceError } from '../../sources/errors.ts';
import { describeConverted } from '../engine/converted-phones.ts';
import { asTooLarge, openOrigin } from '../engine/created-records.ts';
import type { BulkDefinition, RowReader } from '../engine/definition.ts';
import { GateInterrupted } from '../engine/gate.ts';
import { runInput } from '../engine/run-input.ts';
import { readAsOf } from '../engine/step.ts';
import {
  type Answer,
  BATCH_DEADLINE_MS,
  type ConsentGate,
  type WriteAttempt,
} from '../engine/write-definition.ts';
import { CREATE, interpretCreate, UPDATE, type UpdateRefs } from './answers.ts';
import {
  CONSENT_CHECK,
  checkConsent,
  contactGate,
  countLookups,
  createRecentAnswers,
  inheritConsentCheck,
} from './consent.ts';

export interface ContactImportDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  /** CXONE_DUPLICATES_REFUSED: does the tenant refuse a record that the list already has? */
  readonly duplicatesRefused: boolean;
}

export function defineContactImport(deps: ContactImportDeps): { readonly definition: BulkDefinition } {
  const { ledger, cxone, duplicatesRefused } = deps;
  const recentAnswers = createRecentAnswers();
  const gate: ConsentGate = (attempt) => contactGate({ ...deps, recentAnswers }, attempt);
  const rules = {
    deadlineMs: BATCH_DEADLINE_MS,
    probe: {
      request: (run: Run) => cxone.contactLists.probe({ listId: runInput(spec, run).listId }),
      isConclusive: false,
    },
  };
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: CONTACTS_PER_BATCH,
    firstWrite: (run) => (runInput(spec, run).requireConsent ? CONSENT_CHECK : CREATE),
    personalValues: (record) => personalValues(record as Contact),
    writes: {
      // Reads only.
      [CONSENT_CHECK]: {
        ...rules,
        repeatable: true,
        claimAhead: false,
        probe: { request: () => cxone.preferences.probe(), isConclusive: true },
        gate: null,
        send: (attempt) => checkConsent(deps, attempt),
      },
      // Where CXone refuses duplicates, a repeated batch creates nobody twice.
      [CREATE]: {
        ...rules,
        repeatable: duplicatesRefused,
        claimAhead: duplicatesRefused,
        gate,
        send: (attempt) => createContacts(deps, attempt),
      },
      // A PUT puts the same record into the same place, however often it is sent. One request for each record.
      [UPDATE]: {
        ...rules,
        repeatable: true,
        claimAhead: false,
        gate,
        send: (attempt) => updateContacts(cxone, attempt),
      },
    },
    event: { name: 'cxone_contact_import_batch_complete', endpoint: 'crm' },
    createReader: createContactReader,
    findDuplicates: findDuplicateContacts,
    countLookups: (run) => countLookups(ledger, run),
    planNotes: async (run) => ({ notes: await describeConverted(ledger, run, runInput(spec, run).country) }),
  };
  return { definition };
}

/** Custom fields may be anything, names and addresses among them. */
function personalValues({ contactId, phoneNumbers, customFields }: Contact): string[] {
  return [contactId, ...phoneNumbers.map(({ number }) => number), ...Object.values(customFields)];
}

/** Dates are compared with one moment rather than with the clock, so that a repeated attempt reads a row as the first did. */
function createContactReader(
  run: Run,
  columns: readonly string[] | null,
  map: Readonly<Record<string, string>>,
): RowReader {
  const resolved = columns ? resolveContactColumns(columns, map, 'history') : { columns: null };
  const problems = 'problems' in resolved ? resolved.problems : columns ? [] : contactMapProblems(map);
  if ('problems' in resolved || problems.length > 0)
    throw new SourceError('source_unreadable', problems.join(' '));
  const { country } = runInput(spec, run);
  return (fields) => {
    const read = readContact(fields, resolved.columns, readAsOf(run), map, country);
    if ('reasons' in read) return read;
    const { contact } = read;
    return { record: contact, key1: contact.contactId, key2: contact.phoneNumbers[0]?.number ?? '' };
  };
}

async function* findDuplicateContacts(
  run: Run,
  candidates: AsyncIterable<DuplicateCandidate>,
): AsyncIterable<DuplicateRow> {
  const finder = createDuplicateFinder(contactImportOptions(runInput(spec, run)).dedupe);
  for await (const { seq, line, key1, key2 } of candidates) {
    const duplicate = finder.check({ line, contactId: key1, phone: key2 });
    if (!duplicate) continue;
    const field = duplicate.key === 'both' ? 'contactId, phone' : duplicate.key;
    const reason: Reason = {
      code: 'duplicate_in_source',
      field,
      message: `same as line ${duplicate.winnerLine}`,
    };
    yield { seq, reason };
  }
}

/**
 * POST of a batch. Repeating it is safe while CXone refuses duplicates: a batch is atomic, so a second one either finds
 * nothing of the first, or is refused with a 409 that names all of it (docs/cxone-contract.md#create-records).
 */
async function createContacts({ cxone }: ContactImportDeps, attempt: WriteAttempt): Promise<Answer> {
  // The gate's lookups may have used the permit of the claim.
  if (!(await attempt.nextRequest())) throw new GateInterrupted(null);
  const { listId } = runInput(spec, attempt.run);
  const { existing } = contactImportOptions(runInput(spec, attempt.run));
  const { seqs, payload, beforeSend, priorAttempt } = attempt;
  // Sent as the very text that was hashed.
  const records = {
    count: seqs.length,
    json: payload,
    read: () => attempt.records.map(({ record }) => record as Contact),
  };
  const answer = await cxone.contactLists
    .createRecords({ listId, records, beforeSend })
    .catch((error: unknown): CreateRecordsAnswer => ({ ...asTooLarge(error), id: null }));
  const { derived, ...settled } = interpretCreate(answer, { seqs, existing, priorAttempt });
  return {
    ...settled,
    derived: derived.map((part) => inheritConsentCheck(part, attempt)),
    httpStatus: answer.status,
    requestId: answer.requestId,
    cxoneId: answer.id,
    messages: answer.notes,
    details: describe(answer),
  };
}

function describe(answer: CreateRecordsAnswer): string {
  const named = answer.named.length === 0 ? '' : `, ${answer.named.length} named`;
  if (answer.kind === 'created') return `Created ${plural(answer.recordsCreated, 'record')}${named}`;
  const what = answer.kind === 'duplicates' ? 'refused for duplicates' : 'refused';
  return `HTTP ${answer.status}: ${what}${named}`;
}

/**
 * PUT of each record, one after the other. When one of them fails, those before it are settled; otherwise a long write
 * would never finish under a rate limit.
 */
async function updateContacts(cxone: Cxone, attempt: WriteAttempt): Promise<Answer> {
  const refusals: SettledGroup[] = [];
  const updated: number[] = [];
  let refusedWith: number | null = null;
  const done = () => refusals.length + updated.length;
  let interruptedBy: CxoneError | undefined;
  for (const contact of attempt.records) {
    if (!(await attempt.nextRequest())) {
      // Then it stays what it was, and what is known of its prior attempts stays with it.
      if (done() === 0) throw new GateInterrupted(null);
      break;
    }
    try {
      const answer = await updateContact(cxone, attempt, contact);
      if (answer.kind === 'updated') updated.push(contact.seq);
      else {
        refusedWith = answer.status;
        refusals.push(refusedGroup(contact.seq, answer, attempt.refs as UpdateRefs));
      }
    } catch (error) {
      if (!(error instanceof CxoneError) || done() === 0) throw error;
      interruptedBy = error;
      break;
    }
  }
  const rest = attempt.records.slice(done()).map(({ seq }) => seq);
  return {
    groups: updated.length > 0 ? [...refusals, updatedGroup(updated, attempt.refs as UpdateRefs)] : refusals,
    derived: deriveUpdates(rest, attempt.refs, interruptedBy),
    // Of the last request, if all were refused.
    httpStatus: updated.length === 0 && refusedWith !== null ? refusedWith : 200,
    requestId: null,
    details: `Updated ${updated.length} of ${plural(attempt.records.length, 'record')}`,
    ...(interruptedBy && { interruptedBy }),
  };
}

/** The answer about the first of the rest may have been lost: then it alone may have been updated. */
function deriveUpdates(
  rest: readonly number[],
  refs: unknown,
  interruptedBy: CxoneError | undefined,
): DerivedWrite[] {
  const lost = interruptedBy?.applied === 'unknown' ? 1 : 0;
  const parts = [
    { seqs: rest.slice(0, lost), refs: { ...(refs as UpdateRefs), halved: true } },
    { seqs: rest.slice(lost), refs },
  ];
  return parts.filter(({ seqs }) => seqs.length > 0).map((part) => ({ kind: UPDATE, ...part }));
}

async function updateContact(
  cxone: Cxone,
  { run, refs, beforeSend }: WriteAttempt,
  { seq, record }: PendingRecord,
): Promise<UpdateRecordAnswer> {
  const { listId } = runInput(spec, run);
  const recordId = (refs as UpdateRefs).recordIds[String(seq)] ?? '';
  const request = { listId, recordId, record: record as Contact, beforeSend };
  return cxone.contactLists.updateRecord(request);
}

type Refusal = UpdateRecordAnswer & { readonly kind: 'refused' };

/** A contact that this run may have created is in the list all the same, and the outcome says so. */
function refusedGroup(seq: number, refusal: Refusal, { maybeOwn }: UpdateRefs): SettledGroup {
  const reasons = refusalReasons(refusal);
  return maybeOwn && refusal.status !== 404
    ? { outcome: 'existing', seqs: [seq], ...openOrigin(reasons) }
    : { outcome: 'rejected', seqs: [seq], reasons };
}

function refusalReasons(refusal: Refusal): readonly Reason[] {
  // Somebody deleted it between the 409 that named it and our PUT.
  if (refusal.status === 404) return [{ code: 'record_gone' }];
  if (refusal.named.length > 0) return refusal.named.map(toReason);
  return [{ code: 'refused', message: refusal.message }];
}

function updatedGroup(seqs: readonly number[], { maybeOwn }: UpdateRefs): SettledGroup {
  return { outcome: 'updated', seqs, ...(maybeOwn && openOrigin()) };
}
