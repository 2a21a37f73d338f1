/**
 * A preference update that ends early: cancelled, rejected or failed. What was sent is proven. Objections that CXone did not
 * certainly get have been on our own suppression list since they were staged, and a reason says so.
 */
import type { UnprovenBatch } from '../../ledger/consent/preferences.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { GUARD, READ_BACK, type ReadBackRefs } from './answers.ts';
import { ON_SUPPRESSION_LIST } from './rows.ts';
import { toBatchKey, toConsents, toItem, toProofEntries } from './settle.ts';

/** Repeatable: each batch is proven once, and each record gets the reason once. */
export async function endPreferences(ledger: Ledger, run: Run): Promise<void> {
  // A dry run changes nothing outside of itself.
  if (run.dry_run) return;
  for (const batch of await ledger.preferences.listUnprovenBatches(run.run_no))
    await prove(ledger, run, batch);
  await explainUnsentOptOuts(ledger, run);
}

async function prove(ledger: Ledger, run: Run, unproven: UnprovenBatch): Promise<void> {
  const request = findRequest(run, unproven);
  if (request === null) return;
  const { writeId, httpStatus, records } = unproven;
  const batch = { runId: run.run_id, writeId, requestId: null, httpStatus, ...request };
  const entries = records.flatMap(({ seq, outcome, codes, evidence, ...record }) => {
    const reasons = codes.map((code) => ({ code }));
    return toProofEntries(seq, toItem({ seq, ...record }), {
      outcome,
      reasons,
      ...(evidence !== null && { evidence }),
    });
  });
  const updated = records.filter(({ outcome }) => outcome === 'updated');
  const consents = updated.flatMap((record) => toConsents(toItem(record)));
  await ledger.preferences.markProven(writeId, async (tx) => {
    await ledger.suppressions.recordConsents(consents, tx);
    await ledger.consentProof.record(tx, batch, entries);
  });
}

/** The request that may have carried the records, or null if they were only looked up. */
function findRequest(run: Run, { kind, batch, records, refs, sentAt }: UnprovenBatch) {
  if (kind === READ_BACK) {
    const { batchKey, sentAt: batchSentAt = null } = (refs ?? {}) as ReadBackRefs;
    return batchKey === undefined ? null : { batchKey, sentAt: batchSentAt };
  }
  if (kind === GUARD) return null;
  return { batchKey: toBatchKey({ run, batch, records, refs }), sentAt: sentAt?.toISOString() ?? null };
}

async function explainUnsentOptOuts(ledger: Ledger, run: Run): Promise<void> {
  for await (const seqs of ledger.preferences.listUnsentOptOuts(run.run_no, ON_SUPPRESSION_LIST.code)) {
    await ledger.preferences.addReason(run.run_no, seqs, ON_SUPPRESSION_LIST);
  }
}
