/** Settles the writes of a page, and counts what this attempt at the page has settled. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { Message } from '../../domain/messages.ts';
import type { Outcome, Reason } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import {
  countOutcomes,
  type DerivedWrite,
  type SettledGroup,
  type Settlement,
} from '../../ledger/writes/settlements.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { ALWAYS_FAILS, describeGivenUp, divide } from './failing.ts';
import { inheritMarks } from './prior-attempt.ts';
import type { Answer } from './write-definition.ts';

/** The events that a batch emits; null if there is none, or nobody has subscribed to it. */
export interface PageEvents {
  /** When it is settled by an answer. */
  readonly answered: string | null;
  /** When its records get their outcome without an answer. */
  readonly unanswered: string | null;
}

export class PageSettlement {
  readonly #ledger: Ledger;
  readonly #runNo: number;
  readonly #events: PageEvents;
  readonly #settled: SettledGroup[] = [];
  #derived = 0;

  constructor(ledger: Ledger, runNo: number, events: PageEvents) {
    this.#ledger = ledger;
    this.#runNo = runNo;
    this.#events = events;
  }

  /** How many writes answers have left. */
  get derived(): number {
    return this.#derived;
  }

  counts(): Partial<Record<Outcome, number>> {
    return countOutcomes(this.#settled);
  }

  /** If the lease was lost, whoever holds the write now reconciles it, and the ledger keeps this answer as evidence. */
  async settle(write: OpenWrite, fence: number, answer: SettledAnswer, latencyMs: number): Promise<void> {
    const { groups, derived, httpStatus, requestId, details, readOnly, inSettleTransaction } = answer;
    const { cxoneId, messages } = answer;
    const status = httpStatus !== null && httpStatus < 300 ? 'success' : 'failed';
    const facts = { ...answer.audit, status, httpStatus, latencyMs: Math.round(latencyMs), details, cxoneId };
    const settled = await this.#ledger.writes.settle({
      runNo: this.#runNo,
      id: write.id,
      fence,
      state: 'settled',
      groups,
      derived: inheritMarks(write, derived),
      httpStatus,
      latencyMs: readOnly ? null : latencyMs,
      requestId,
      cxoneId: cxoneId ?? null,
      ...(messages && { messages }),
      audit: auditEntry(write, groups, facts),
      event: (answer.emitsEvent ?? true) ? this.#events.answered : null,
      inSettleTransaction,
    });
    if (settled) this.#count(groups, derived);
  }

  /**
   * It always fails. Several records are divided, until the one at fault is alone; `answer` is what the operation says about
   * that one.
   */
  async giveUp(write: OpenWrite, fence: number, error: CxoneError, answer?: SettledAnswer): Promise<void> {
    const details = describeGivenUp(write, error);
    if (write.seqs.length > 1) {
      const derived = divide(write, error);
      await this.#settleUnanswered(write, fence, { state: 'settled', derived, status: 'divided', details });
    } else if (answer) await this.settle(write, fence, answer, 0);
    else if (error.applied === 'unknown')
      await this.leaveInDoubt(write, fence, details, [{ code: ALWAYS_FAILS, message: details }]);
    else {
      const reasons = [{ code: ALWAYS_FAILS, message: details }];
      const groups: SettledGroup[] = [{ outcome: 'rejected', seqs: write.seqs, reasons }];
      await this.#settleUnanswered(write, fence, { state: 'settled', groups, status: 'given_up', details });
    }
  }

  /**
   * The answer was lost, and CXone may have applied what must not be repeated: a person has to decide.
   * @param details for the audit
   * @param more reasons beside the lost answer
   */
  async leaveInDoubt(
    write: OpenWrite,
    fence: number,
    details = 'the answer was lost, and repeating is not safe',
    more: readonly Reason[] = [],
  ): Promise<void> {
    const reasons = [{ code: 'answer_lost', message: 'CXone may have applied it' }, ...more];
    const groups: SettledGroup[] = [{ outcome: 'in_doubt', seqs: write.seqs, reasons }];
    await this.#settleUnanswered(write, fence, { state: 'in_doubt', groups, status: 'in_doubt', details });
  }

  #count(groups: readonly SettledGroup[], derived: readonly DerivedWrite[]): void {
    this.#settled.push(...groups);
    this.#derived += derived.length;
  }

  async #settleUnanswered(
    write: OpenWrite,
    fence: number,
    { state, groups = [], derived = [], status, details }: UnansweredSettlement,
  ): Promise<void> {
    const settled = await this.#ledger.writes.settle({
      runNo: this.#runNo,
      id: write.id,
      fence,
      state,
      groups,
      derived: inheritMarks(write, derived),
      httpStatus: null,
      latencyMs: null,
      requestId: null,
      audit: auditEntry(write, groups, { status, details }),
      // A batch in doubt has its event once somebody has decided about it.
      event: groups.some(({ outcome }) => outcome !== 'in_doubt') ? this.#events.unanswered : null,
    });
    if (settled) this.#count(groups, derived);
  }
}

/** An answer with what CXone says in the form that the ledger keeps. */
export type SettledAnswer = Omit<Answer, 'messages'> & { readonly messages?: readonly Message[] };

interface UnansweredSettlement
  extends Pick<Settlement, 'state'>,
    Partial<Pick<Settlement, 'groups' | 'derived'>> {
  /** For the audit, like `details`. */
  readonly status: string;
  readonly details: string;
}

function auditEntry(
  write: OpenWrite,
  groups: readonly SettledGroup[],
  facts: Readonly<Record<string, unknown>>,
) {
  return {
    batch: write.batch,
    batchStartIndex: write.firstLine,
    writeId: write.id,
    kind: write.kind,
    recordCount: write.seqs.length,
    counts: countOutcomes(groups),
    ...facts,
  };
}
