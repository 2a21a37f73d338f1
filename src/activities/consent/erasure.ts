/** Erases a data subject. Their id is in a dataset of one row, which is erased too, so that no history contains it. */
import { Context } from '@temporalio/activity';
import type { ErasureInput } from '../../contract/consent.ts';
import type { ErasureResult } from '../../domain/consent/erasure.ts';
import { contactIdProblem } from '../../domain/contact-id.ts';
import { DEFAULT_SOURCE_LIMITS } from '../../domain/source-limits.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { SourceError } from '../../sources/errors.ts';
import { openDataset, requireDataset } from '../engine/source.ts';

export function createErasureActivities({ ledger }: { readonly ledger: Ledger }) {
  return {
    /** Repeatable: everything is erased in one transaction, and a repeat returns the stored result. */
    async eraseSubject({ dataset, requestedBy }: ErasureInput): Promise<ErasureResult> {
      const erasureId = Context.current().info.workflowExecution?.workflowId ?? '';
      const done = await ledger.erasures.find(erasureId);
      if (done !== null) return done;
      try {
        const subject = await readSubject(ledger, dataset);
        return await ledger.erasures.erase({ erasureId, ...subject, requestedBy: requestedBy ?? null });
      } catch (error) {
        // An attempt that overlaps with this one may have finished meanwhile, and has then deleted the dataset.
        const finished = await ledger.erasures.find(erasureId);
        if (finished === null) throw error;
        return finished;
      }
    },
  };
}

/** Somebody objects when they ask for the erasure. The worker may have been away since. */
async function readSubject(ledger: Ledger, id: string) {
  const dataset = await requireDataset(ledger, id, DEFAULT_SOURCE_LIMITS);
  const source = await openDataset(ledger, dataset, DEFAULT_SOURCE_LIMITS);
  for await (const { fields } of source.rows()) {
    const contactId = fields?.['contactId'];
    if (typeof contactId === 'string' && contactIdProblem(contactId) === null)
      return { contactId, objectedAt: dataset.createdAt.toISOString() };
  }
  throw new SourceError('source_unreadable', `dataset ${id} must have one row with a readable contactId`);
}
