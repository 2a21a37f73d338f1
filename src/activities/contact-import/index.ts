/** Contacts: what the bulk engine needs to know of them, and the two writes to CXone. */
import { type ContactImportInput, contactImportOptions } from '../../contract/contact-import.ts';
import type { CreateRecordsAnswer, UpdateRecordAnswer } from '../../cxone/contact-lists.ts';
import type { Cxone } from '../../cxone/cxone.ts';
import { CxoneError, CxoneRefused } from '../../cxone/errors.ts';
import {
  CONTACTS_PER_BATCH,
  type Contact,
  contactMapProblems,
  createDuplicateFinder,
  readContact,
  resolveContactColumns,
} from '../../domain/contact-import/contacts.ts';
import type { Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { SourceError } from '../../sources/errors.ts';
import type { Answer, BulkKind, PendingRecord, Write } from '../engine/definition.ts';
import { CHECK, checkConsent, lookBeforeSending, lookUpsOf, withCheck } from './consent.ts';
import { CREATE, interpretCreate, UPDATE, type UpdateRefs } from './answers.ts';
import { OWN_OR_EXISTING, OWN_WRITE } from '../engine/evidence.ts';

export interface ContactImportDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  /** CXONE_DUPLICATES_REFUSED: does the tenant refuse a record that it has? */
  readonly duplicatesRefused: boolean;
}

const inputOf = (run: Run): ContactImportInput => run.input as ContactImportInput;

export function createContactImport(deps: ContactImportDeps): BulkKind {
  const { ledger, cxone, duplicatesRefused } = deps;
  return {
    stem: 'contact-import',
    recordsPerBatch: CONTACTS_PER_BATCH,
    firstWrite: (run) => (inputOf(run).requireConsent ? CHECK : CREATE),
    lookUps: (run) => lookUpsOf(ledger, run),
    event: 'cxone_contact_import_batch_complete',
    options: (input) => contactImportOptions(input as ContactImportInput),
    reader: contactReader,
    duplicates: (run, candidates) => findDuplicateRows(run, candidates),
    write: (write) => {
      if (write.kind === CHECK) return checkConsent(deps, write);
      return write.kind === UPDATE ? updateContacts(cxone, write) : createContacts(deps, write);
    },
    // A PUT may always be repeated, and so may a question; a POST only where CXone itself refuses what it has.
    repeatable: (kind) => kind !== CREATE || duplicatesRefused,
    claimedAhead: (kind) => kind === CREATE && duplicatesRefused,
  };
}

/** The rules look at the clock once, at the start of the run: a repeat of staging reads every row alike. */
function contactReader(run: Run, columns: readonly string[] | null, map: Readonly<Record<string, string>>) {
  const resolved = columns ? resolveContactColumns(columns, map, 'history') : { columns: null };
  const problems = 'problems' in resolved ? resolved.problems : columns ? [] : contactMapProblems(map);
  if ('problems' in resolved || problems.length > 0)
    throw new SourceError('source_unreadable', problems.join(' '));
  return (fields: Readonly<Record<string, unknown>>) => {
    const read = readContact(fields, resolved.columns, run.started_at, map);
    if ('reasons' in read) return read;
    const { contact } = read;
    return { record: contact, key1: contact.contactId, key2: contact.phoneNumbers[0]?.number ?? '' };
  };
}

async function* findDuplicateRows(
  run: Run,
  candidates: AsyncIterable<{ seq: number; line: number; key1: string; key2: string }>,
) {
  const finder = createDuplicateFinder(contactImportOptions(inputOf(run)).dedupe);
  for await (const { seq, line, key1, key2 } of candidates) {
    const lost = finder.see({ seq, line, contactId: key1, phone: key2 });
    if (!lost) continue;
    const field = lost.key === 'both' ? 'contactId, phone' : lost.key;
    const reason: Reason = { code: 'duplicate_in_source', field, message: `same as line ${lost.winnerLine}` };
    yield { seq, reason };
  }
}

/**
 * POST of a batch. Repeating it is safe while CXone refuses duplicates: a batch is atomic, so a second one either
 * finds nothing of the first, or is refused with a 409 that names all of it (decisions.md 15).
 */
async function createContacts({ ledger, cxone }: ContactImportDeps, write: Write): Promise<Answer> {
  const back = await lookBeforeSending(ledger, write);
  if (back) return back;
  const { listId } = inputOf(write.run);
  const { existing } = contactImportOptions(inputOf(write.run));
  const { seqs, payload, beforeSend } = write;
  // As it was hashed, so it is sent.
  const records = {
    count: seqs.length,
    json: payload,
    read: () => write.records.map(({ record }) => record as Contact),
  };
  const answer = await cxone.contactLists.createRecords({ listId, records, beforeSend }).catch(tooLarge);
  const { groups, derived } = interpretCreate(answer, { seqs, existing, doubt: write.doubt });
  return {
    groups,
    derived: derived.map((part) => withCheck(part, write)),
    httpStatus: answer.status,
    requestId: answer.requestId,
    details: describe(answer),
  };
}

/** One row of megabytes must not end the run: refused like a batch with a wrong record that nobody names. */
function tooLarge(error: unknown): CreateRecordsAnswer {
  if (!(error instanceof CxoneRefused) || error.status !== 413) throw error;
  const { status, requestId } = error;
  return {
    kind: 'refused',
    message: 'too large (413)',
    status,
    requestId: requestId ?? '',
    named: [],
    notes: [],
  };
}

function describe(answer: CreateRecordsAnswer): string {
  const named = answer.named.length === 0 ? '' : `, ${answer.named.length} named`;
  if (answer.kind === 'created') return `Created ${answer.recordsCreated} records${named}`;
  if (answer.kind === 'duplicates') return `Refused for duplicates${named}`;
  return `Refused${named}`;
}

/**
 * PUT of each record, one after the other. Repeating it is safe: a PUT puts the same record into the same place. What
 * was put before one goes wrong is settled, or a rate limit would let a long write never come to its end.
 */
async function updateContacts(cxone: Cxone, write: Write): Promise<Answer> {
  const refusals: SettledGroup[] = [];
  const updated: number[] = [];
  const done = () => refusals.length + updated.length;
  let interruptedBy: CxoneError | undefined;
  for (const contact of write.records) {
    if (!(await write.nextRequest())) break;
    try {
      const refusal = await updateContact(cxone, write, contact);
      if (refusal) refusals.push({ outcome: 'rejected', seqs: [contact.seq], reasons: [refusal] });
      else updated.push(contact.seq);
    } catch (error) {
      if (!(error instanceof CxoneError) || done() === 0) throw error;
      interruptedBy = error;
      break;
    }
  }
  const rest = write.records.slice(done()).map(({ seq }) => seq);
  return {
    groups: updated.length > 0 ? [...refusals, updatedGroup(updated, write.refs as UpdateRefs)] : refusals,
    derived: rest.length > 0 ? [{ kind: UPDATE, seqs: rest, refs: write.refs }] : [],
    httpStatus: 200,
    requestId: null,
    details: `Updated ${updated.length} of ${write.records.length} records`,
    ...(interruptedBy && { interruptedBy }),
  };
}

async function updateContact(
  cxone: Cxone,
  { run, refs, beforeSend }: Write,
  { seq, record }: PendingRecord,
): Promise<Reason | null> {
  const { listId } = inputOf(run);
  const recordId = (refs as UpdateRefs).recordIds[String(seq)] ?? '';
  return refusalOf(
    await cxone.contactLists.updateRecord({ listId, recordId, record: record as Contact, beforeSend }),
  );
}

function updatedGroup(seqs: readonly number[], { ownWrite, maybeOwn }: UpdateRefs): SettledGroup {
  if (ownWrite) return { outcome: 'created', seqs, evidence: OWN_WRITE };
  return { outcome: 'updated', seqs, ...(maybeOwn && { evidence: OWN_OR_EXISTING }) };
}

function refusalOf(answer: UpdateRecordAnswer): Reason | null {
  if (answer.kind === 'updated') return null;
  // Somebody deleted it between the 409 that named it and our PUT.
  if (answer.status === 404) return { code: 'record_gone' };
  return { code: 'refused', message: answer.message };
}
