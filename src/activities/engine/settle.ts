/** Settles the writes of a page, and counts what this attempt at the page has settled. */
import type { Outcome } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { countOutcomes, type SettledGroup } from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { Answer } from './definition.ts';
import { inheritMarks } from './prior-attempt.ts';

export class PageSettlement {
  readonly #ledger: Ledger;
  /** The event that a settled batch emits; null if nobody has subscribed to it. */
  readonly #event: string | null;
  readonly #settled: SettledGroup[] = [];

  constructor(ledger: Ledger, event: string | null) {
    this.#ledger = ledger;
    this.#event = event;
  }

  counts(): Partial<Record<Outcome, number>> {
    return countOutcomes(this.#settled);
  }

  /** If the lease was lost, whoever holds the write now reconciles it, and the ledger keeps this answer as evidence. */
  async settle(write: OpenWrite, fence: number, answer: Answer, latencyMs: number): Promise<void> {
    const { groups, derived, httpStatus, requestId, details, readOnly, inSettleTransaction } = answer;
    const facts = { status: 'success', httpStatus, latencyMs: Math.round(latencyMs), details };
    const settled = await this.#ledger.writes.settle({
      id: write.id,
      fence,
      state: 'settled',
      groups,
      derived: inheritMarks(write, derived),
      httpStatus,
      latencyMs: readOnly ? null : latencyMs,
      requestId,
      audit: auditEntry(write, groups, facts),
      event: (answer.emitsEvent ?? true) ? this.#event : null,
      inSettleTransaction,
    });
    if (settled) this.#settled.push(...groups);
  }

  /** The answer was lost, and CXone may have applied what must not be repeated: a person has to decide. */
  async leaveInDoubt(write: OpenWrite, fence: number): Promise<void> {
    const reasons = [{ code: 'answer_lost', message: 'CXone may have applied it' }];
    const groups: SettledGroup[] = [{ outcome: 'in_doubt', seqs: write.seqs, reasons }];
    const facts = { status: 'in_doubt', details: 'the answer was lost, and repeating is not safe' };
    const settled = await this.#ledger.writes.settle({
      id: write.id,
      fence,
      state: 'in_doubt',
      groups,
      derived: [],
      httpStatus: null,
      latencyMs: null,
      requestId: null,
      audit: auditEntry(write, groups, facts),
      event: null,
    });
    if (settled) this.#settled.push(...groups);
  }
}

function auditEntry(
  write: OpenWrite,
  groups: readonly SettledGroup[],
  facts: Readonly<Record<string, unknown>>,
) {
  return {
    batch: write.batch,
    writeId: write.id,
    kind: write.kind,
    recordCount: write.seqs.length,
    counts: countOutcomes(groups),
    ...facts,
  };
}
