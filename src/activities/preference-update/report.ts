/** What is told of a preference update: S0's event, and its metrics without its faults. */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import type { Counts } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { ON_OUR_LIST } from './rows.ts';

/**
 * S0's event: what stands in CXone now as the run wanted it. Rendered from what is settled, so the same on every try; only
 * who was erased in between is told of no more (ledger/consent/erasure.ts).
 */
export async function renderItems(ledger: Ledger, run: Run, event: OutboxEvent): Promise<string> {
  const settled = await ledger.preferences.listSettledBy(run.run_no, event.write_id ?? '0');
  return JSON.stringify({
    id: event.event_id,
    event: event.event,
    timestamp: event.created_at.toISOString(),
    runId: run.run_id,
    payload: settled
      .filter(({ outcome }) => outcome === 'updated' || outcome === 'existing')
      .filter(({ record }) => !isErased(record))
      .map(({ record, outcome, codes }) => {
        const { contactId, channel, optIn } = record as PreferenceItem;
        return {
          contactId,
          channel,
          optIn,
          status: outcome,
          conflictResolved: codes.includes('conflict_resolved'),
        };
      }),
  });
}

function isErased(record: unknown): boolean {
  return (record as { readonly erased?: boolean }).erased === true;
}

/** S0's metrics, without its faults: a rate of what was checked, never negative, and 100 of nothing. */
export async function complianceOf(ledger: Ledger, run: Run, { total, invalid = 0 }: Counts) {
  const reasons = await ledger.records.countReasons(run.run_no);
  const count = (code: string) =>
    reasons.filter((reason) => reason.code === code).reduce((sum, { n }) => sum + n, 0);
  const violations = invalid + count('gdpr_needs_consent_date');
  const rate = total === 0 ? 1 : (total - violations) / total;
  return {
    violations,
    complianceRatePercent: Math.round(rate * 10_000) / 100,
    suppressions: count(ON_OUR_LIST.code),
  };
}
