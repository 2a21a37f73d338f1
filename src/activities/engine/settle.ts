/** How the writes of a page are settled, and what of it this try of the page has done. */
import type { OperationKind } from '../../contract/operations.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { countOutcomes, type SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Answer, BulkKind } from './definition.ts';
import { inherit } from './prior-attempt.ts';
import { auditOf } from './write-contents.ts';
import type { PageDeps } from './write-page.ts';

export function createPageSettling({ ledger, hasSubscriber }: PageDeps, run: Run, kind: BulkKind) {
  const settled: SettledGroup[] = [];
  return {
    counts: () => countOutcomes(settled),

    /** An answer. Where the lease was lost, whoever took it over reconciles it, and this one is kept as evidence. */
    async settle(write: OpenWrite, fence: number, answer: Answer, latencyMs: number): Promise<void> {
      const { groups, derived, httpStatus, requestId, details, readOnly, inSettleTransaction } = answer;
      const emitsEvent = hasSubscriber(run.kind) && (answer.emitsEvent ?? true);
      const mine = await ledger.writes.settle({
        id: write.id,
        fence,
        state: 'settled',
        groups,
        derived: inherit(write, derived),
        httpStatus,
        latencyMs: readOnly ? null : latencyMs,
        requestId,
        audit: auditOf(write, groups, {
          status: 'success',
          httpStatus,
          latencyMs: Math.round(latencyMs),
          details,
        }),
        event: emitsEvent ? kind.event : null,
        inSettleTransaction,
      });
      if (mine) settled.push(...groups);
    },

    /** The answer was lost, and CXone may have applied what must not be repeated: a person's word is needed. */
    async leaveInDoubt(write: OpenWrite, fence: number): Promise<void> {
      const groups: SettledGroup[] = [
        {
          outcome: 'in_doubt',
          seqs: write.seqs,
          reasons: [{ code: 'answer_lost', message: 'CXone may have applied it' }],
        },
      ];
      const mine = await ledger.writes.settle({
        id: write.id,
        fence,
        state: 'in_doubt',
        groups,
        derived: [],
        httpStatus: null,
        latencyMs: null,
        requestId: null,
        audit: auditOf(write, groups, {
          status: 'in_doubt',
          details: 'the answer was lost, repeating is not safe',
        }),
        event: null,
      });
      if (mine) settled.push(...groups);
    },
  };
}
