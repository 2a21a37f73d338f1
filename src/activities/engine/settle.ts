/** Settles the writes of a page, and counts what this attempt at the page has settled. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { Outcome } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import {
  countOutcomes,
  type DerivedWrite,
  type SettledGroup,
  type Settlement,
} from '../../ledger/writes/settlements.ts';
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

  /** It always fails. Nothing more is sent; its halves will show which record is the cause. */
  async divide(write: OpenWrite, fence: number, derived: readonly DerivedWrite[]): Promise<void> {
    const details = `divided after ${write.failures} equal failures`;
    await this.#settleUnanswered(write, fence, { state: 'settled', derived }, { status: 'divided', details });
  }

  /** Its only record always fails, although CXone answers others. */
  giveUp(write: OpenWrite, fence: number, error: CxoneError): Promise<void> {
    const details = `${write.failures + 1} equal failures, although CXone answers other requests: ${error.message}`;
    if (error.applied === 'unknown') return this.leaveInDoubt(write, fence, details);
    const reasons = [{ code: 'refused', message: details }];
    const groups: SettledGroup[] = [{ outcome: 'rejected', seqs: write.seqs, reasons }];
    return this.#settleUnanswered(
      write,
      fence,
      { state: 'settled', groups },
      { status: 'given_up', details },
    );
  }

  /** The answer was lost, and CXone may have applied what must not be repeated: a person has to decide. */
  leaveInDoubt(write: OpenWrite, fence: number, details = NOT_SAFE): Promise<void> {
    const reasons = [{ code: 'answer_lost', message: 'CXone may have applied it' }];
    const groups: SettledGroup[] = [{ outcome: 'in_doubt', seqs: write.seqs, reasons }];
    return this.#settleUnanswered(
      write,
      fence,
      { state: 'in_doubt', groups },
      { status: 'in_doubt', details },
    );
  }

  async #settleUnanswered(
    write: OpenWrite,
    fence: number,
    { state, groups = [], derived = [] }: UnansweredSettlement,
    facts: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const settled = await this.#ledger.writes.settle({
      id: write.id,
      fence,
      state,
      groups,
      derived: inheritMarks(write, derived),
      httpStatus: null,
      latencyMs: null,
      requestId: null,
      audit: auditEntry(write, groups, facts),
      event: null,
    });
    if (settled) this.#settled.push(...groups);
  }
}

const NOT_SAFE = 'the answer was lost, and repeating is not safe';

interface UnansweredSettlement
  extends Pick<Settlement, 'state'>,
    Partial<Pick<Settlement, 'groups' | 'derived'>> {}

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
