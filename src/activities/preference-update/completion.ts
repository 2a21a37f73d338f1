/**
 * A preference run that ends before its end: cancelled, rejected or failed. What had gone out is proved, and no objection
 * is lost: whoever CXone may not have heard of is on our own list.
 */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { UnprovenBatch } from '../../ledger/consent/preferences.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { GUARD, READ_BACK, type ReadBackRefs } from './answers.ts';
import { ON_OUR_LIST } from './rows.ts';
import { batchKey as toBatchKey, consentOf, itemOf, objectionOf, proofOf } from './settle.ts';

/** Repeatable: an entry of the proof is made once, and what is on the list already stays as it is. */
export async function endPreferences(ledger: Ledger, run: Run): Promise<void> {
  // A rehearsal puts nobody on the list.
  if (run.dry_run) return;
  for (const batch of await ledger.preferences.listUnprovenBatches(run.run_no))
    await prove(ledger, run, batch);
  await keepObjections(ledger, run);
}

async function prove(ledger: Ledger, run: Run, ended: UnprovenBatch): Promise<void> {
  const sent = sentAs(run, ended);
  if (sent === null) return;
  const { writeId, httpStatus, records } = ended;
  const batch = { runId: run.run_id, writeId, requestId: null, httpStatus, ...sent };
  const entries = records.flatMap(({ seq, outcome, codes, evidence, ...record }) => {
    const reasons = codes.map((code) => ({ code }));
    return proofOf(seq, itemOf({ seq, ...record }), {
      outcome,
      reasons,
      ...(evidence !== null && { evidence }),
    });
  });
  const taken = records.filter(({ outcome }) => outcome === 'updated');
  const consents = taken.flatMap((record) => consentOf(itemOf(record)));
  await ledger.preferences.markProven(writeId, async (tx) => {
    await ledger.suppressions.recordConsents(consents, tx);
    await ledger.consentProof.record(tx, batch, entries);
  });
}

/** The batch that carried them; null: they had only been asked for. */
function sentAs(run: Run, { kind, batch, records, refs, sentAt }: UnprovenBatch) {
  if (kind === READ_BACK) {
    const { batchKey, sentAt: left = null } = (refs ?? {}) as ReadBackRefs;
    return batchKey === undefined ? null : { batchKey, sentAt: left };
  }
  if (kind === GUARD && records.some((record) => itemOf(record).optIn)) return null;
  return { batchKey: toBatchKey({ run, batch, records, refs }), sentAt: sentAt?.toISOString() ?? null };
}

async function keepObjections(ledger: Ledger, run: Run): Promise<void> {
  for await (const optOuts of ledger.preferences.listUnsentOptOuts(run.run_no, ON_OUR_LIST.code)) {
    const objections = optOuts.flatMap(({ record, code }) =>
      objectionOf(record as PreferenceItem, { reasons: [{ code: code ?? 'run_failed' }] }),
    );
    // First, so that none is lost between the two.
    await ledger.suppressions.add(objections, run.run_no);
    const seqs = optOuts.map(({ seq }) => seq);
    await ledger.preferences.addReason(run.run_no, seqs, ON_OUR_LIST);
  }
}
