/** Contacts: what the bulk engine needs to know of them, and the two writes to CXone. */
import type { ContactImportInput } from '../contract.ts';
import { contactImportOptions } from '../contract-input.ts';
import type { CreateRecordsAnswer, UpdateRecordAnswer } from '../cxone/contact-lists.ts';
import type { Cxone } from '../cxone/cxone.ts';
import {
  CONTACTS_PER_BATCH,
  type Contact,
  createDuplicateFinder,
  readContact,
  resolveContactColumns,
} from '../domain/contact-import.ts';
import type { Reason } from '../domain/run.ts';
import type { SettledGroup } from '../ledger/operations.ts';
import type { Run } from '../ledger/runs.ts';
import { SourceError } from '../sources/errors.ts';
import type { Answer, BulkKind, Write } from './bulk.ts';
import { CREATE, interpretCreate, UPDATE, type UpdateRefs } from './contact-answers.ts';

export interface ContactImportDeps {
  readonly cxone: Cxone;
  /** CXONE_DUPLICATES_REFUSED: does the tenant refuse a record that it has? */
  readonly duplicatesRefused: boolean;
}

const inputOf = (run: Run): ContactImportInput => run.input as ContactImportInput;

export function createContactImport({ cxone, duplicatesRefused }: ContactImportDeps): BulkKind {
  return {
    stem: 'contact-import',
    recordsPerBatch: CONTACTS_PER_BATCH,
    firstOperation: CREATE,
    event: 'cxone_contact_import_batch_complete',
    options: (input) => contactImportOptions(input as ContactImportInput),
    reader: (run, columns) => contactReader(run, columns),
    duplicates: (run, candidates) => findLosers(run, candidates),
    write: (write) => (write.kind === UPDATE ? updateContacts(cxone, write) : createContacts(cxone, write)),
    // A PUT may always be repeated; a POST only where CXone itself refuses what it has.
    repeatable: (kind) => kind === UPDATE || duplicatesRefused,
  };
}

/** The rules look at the clock once, at the start of the run: a repeat of staging reads every row alike. */
function contactReader(run: Run, columns: readonly string[] | null) {
  const { map } = contactImportOptions(inputOf(run));
  const resolved = columns && resolveContactColumns(columns, map);
  if (resolved && 'problems' in resolved)
    throw new SourceError('source_unreadable', resolved.problems.join(' '));
  return (fields: Readonly<Record<string, unknown>>) => {
    const read = readContact(fields, resolved?.columns ?? null, run.started_at, map);
    if ('reasons' in read) return read;
    const { contact } = read;
    return { record: contact, key1: contact.contactId, key2: contact.phoneNumbers[0]?.number ?? '' };
  };
}

async function* findLosers(
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
async function createContacts(cxone: Cxone, write: Write): Promise<Answer> {
  const { listId } = inputOf(write.run);
  const { existing } = contactImportOptions(inputOf(write.run));
  const records = write.records.map(({ record }) => record as Contact);
  const answer = await cxone.contactLists.createRecords({ listId, records, beforeSend: write.beforeSend });
  const seqs = write.records.map(({ seq }) => seq);
  return {
    ...interpretCreate(answer, { seqs, existing, doubt: write.doubt }),
    httpStatus: answer.status,
    requestId: answer.requestId,
    details: describe(answer),
  };
}

function describe(answer: CreateRecordsAnswer): string {
  const named = answer.named.length === 0 ? '' : `, ${answer.named.length} named`;
  if (answer.kind === 'created') return `Created ${answer.recordsCreated} records${named}`;
  if (answer.kind === 'duplicates') return `Refused for duplicates${named}`;
  return `Refused${named}`;
}

/** PUT of each record, one after the other. Repeating it is safe: a PUT puts the same record into the same place. */
async function updateContacts(cxone: Cxone, write: Write): Promise<Answer> {
  const { listId } = inputOf(write.run);
  const { recordIds } = write.refs as UpdateRefs;
  const groups: SettledGroup[] = [];
  const updated: number[] = [];
  let left = write.records;
  for (const { seq, record } of write.records) {
    const recordId = recordIds[String(seq)] ?? '';
    if (!(await write.nextRequest())) break;
    left = left.slice(1);
    const request = { listId, recordId, record: record as Contact, beforeSend: write.beforeSend };
    const refusal = refusalOf(await cxone.contactLists.updateRecord(request));
    if (refusal) groups.push({ outcome: 'rejected', seqs: [seq], reasons: [refusal] });
    else updated.push(seq);
  }
  if (updated.length > 0) groups.push({ outcome: 'updated', seqs: updated });
  const details = `Updated ${updated.length} of ${write.records.length} records`;
  const rest = left.map(({ seq }) => seq);
  const derived = rest.length > 0 ? [{ kind: UPDATE, seqs: rest, refs: write.refs }] : [];
  return { groups, derived, httpStatus: 200, requestId: null, details };
}

function refusalOf(answer: UpdateRecordAnswer): Reason | null {
  if (answer.kind === 'updated') return null;
  // Somebody deleted it between the 409 that named it and our PUT.
  if (answer.status === 404) return { code: 'record_gone' };
  return { code: 'refused', message: answer.message };
}
