/** Erases a data subject. Their id is in a dataset of one row, which is erased too, so that no history contains it. */
import { Context } from '@temporalio/activity';
import type { ErasureInput } from '../../contract/consent.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { toComparableId } from '../../domain/contact-id.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { DatasetGone } from '../../ledger/runs/datasets.ts';
import { SourceError } from '../../sources/errors.ts';
import { openSource } from '../../sources/open.ts';
import { withHeartbeat } from '../engine/heartbeat.ts';

export function createErasureActivities({ ledger }: { readonly ledger: Ledger }) {
  return {
    /** Repeatable: everything is erased in one transaction, and a repeat returns the stored result. */
    eraseSubject: ({ dataset, requestedBy }: ErasureInput): Promise<ErasureResult> =>
      withHeartbeat(async (): Promise<ErasureResult> => {
        const erasureId = Context.current().info.workflowExecution?.workflowId ?? '';
        const done = await ledger.erasures.find(erasureId);
        if (done !== null) return done;
        const contactId = await readContactId(ledger, dataset);
        const datasets = await findDatasetsWith(ledger, contactId);
        return ledger.erasures.erase({ erasureId, contactId, datasets, requestedBy: requestedBy ?? null });
      }),
  };
}

async function readContactId(ledger: Ledger, id: string): Promise<string> {
  const dataset = await ledger.datasets.find(id);
  if (!dataset) throw new SourceError('source_missing', `dataset ${id} is not in the ledger; stage it first`);
  const source = await openSource(ledger.datasets.read(id), { name: dataset.name, format: 'ndjson' });
  for await (const { fields } of source.rows()) {
    const contactId = fields?.['contactId'];
    if (typeof contactId === 'string' && contactId.trim() !== '') return toComparableId(contactId);
  }
  throw new SourceError('source_unreadable', `dataset ${id} must have one row with a contactId`);
}

async function findDatasetsWith(ledger: Ledger, contactId: string): Promise<string[]> {
  const found: string[] = [];
  for (const id of await ledger.datasets.listIds()) {
    if (await containsId(ledger.datasets.read(id), contactId).catch(falseIfDeleted)) found.push(id);
  }
  return found;
}

/** Another erasure has deleted the dataset meanwhile. */
function falseIfDeleted(error: unknown): false {
  if (error instanceof DatasetGone) return false;
  throw error;
}

/**
 * Searches for the id as a whole word, ignoring case, also across the boundary of two chunks. Rows in the ledger are
 * searched by the same rule (ledger/consent/erasure-search.sql.ts).
 */
export async function containsId(chunks: AsyncIterable<Buffer>, contactId: string): Promise<boolean> {
  // As latin1, each byte is one character, so chunks may be cut within a UTF-8 sequence.
  const id = Buffer.from(contactId, 'utf8').toString('latin1');
  const word = new RegExp(`${BEFORE}${id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'i');
  // A word may start at the beginning of the file.
  let tail = '\n';
  for await (const chunk of chunks) {
    const text = tail + chunk.toString('latin1');
    // The hyphen keeps the end of a chunk from counting as the end of a word.
    if (word.test(`${text}-`)) return true;
    tail = text.slice(-(id.length + MAX_BEFORE_LENGTH));
  }
  return word.test(tail);
}

/** What may precede a word: a character that cannot be part of one or, in JSON, an escape such as \n. */
const BEFORE = String.raw`(?:[^\w-]|\\(?:[bfnrt]|u[0-9a-f]{4}))`;
const MAX_BEFORE_LENGTH = String.raw`\u000a`.length;
