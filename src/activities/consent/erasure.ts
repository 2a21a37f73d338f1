/** One person out of the ledger: who it is stands in a dataset of one row, which goes with the rest. */
import { Context } from '@temporalio/activity';
import type { ErasureInput } from '../../contract/consent.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { DatasetGone } from '../../ledger/runs/datasets.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { SourceError } from '../../sources/errors.ts';
import { openSource } from '../../sources/open.ts';
import { withHeartbeat } from '../engine/heartbeat.ts';

export function createErasureActivities({ ledger }: { readonly ledger: Ledger }) {
  return {
    /** In one transaction under the id of its workflow: a repeat after it answers what it did. */
    erasePerson: ({ dataset, requestedBy }: ErasureInput): Promise<ErasureResult> =>
      withHeartbeat(async (): Promise<ErasureResult> => {
        const erasureId = Context.current().info.workflowExecution?.workflowId ?? '';
        const done = await ledger.erasures.find(erasureId);
        if (done !== null) return done;
        const contactId = await readContactId(ledger, dataset);
        const datasets = await datasetsThatName(ledger, contactId);
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
    if (typeof contactId === 'string' && contactId.trim() !== '') return contactId.trim();
  }
  throw new SourceError('source_unreadable', `dataset ${id} must have one row with a contactId`);
}

async function datasetsThatName(ledger: Ledger, contactId: string): Promise<string[]> {
  const found: string[] = [];
  for (const id of await ledger.datasets.listIds()) {
    const isTheirs = await mentions(ledger.datasets.read(id), contactId).catch(ifGone);
    if (isTheirs) found.push(id);
  }
  return found;
}

/** Another erasure was quicker. */
function ifGone(error: unknown): false {
  if (error instanceof DatasetGone) return false;
  throw error;
}

/**
 * As a word of its own, in whatever case and form of the file; also where two chunks of bytes meet. The rows are searched
 * by the same rule (ledger/consent/erasure-search.ts).
 */
export async function mentions(chunks: AsyncIterable<Buffer>, contactId: string): Promise<boolean> {
  // One character a byte: bytes of UTF-8 are compared as they are, and chunks may be cut anywhere.
  const wanted = Buffer.from(contactId, 'utf8').toString('latin1');
  const word = new RegExp(`${BEFORE}${wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'i');
  // The beginning of the file begins a word; the tail below keeps what stands before one.
  let tail = '\n';
  for await (const chunk of chunks) {
    const text = tail + chunk.toString('latin1');
    // The end of a chunk is no end of a word.
    if (word.test(`${text}-`)) return true;
    tail = text.slice(-(wanted.length + LONGEST_BEFORE));
  }
  return word.test(tail);
}

/** No part of a word; or, in JSON, an escape like \n. */
const BEFORE = String.raw`(?:[^\w-]|\\(?:[bfnrt]|u[0-9a-f]{4}))`;
const LONGEST_BEFORE = String.raw`\u000a`.length;
