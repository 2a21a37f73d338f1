/** The event and the metrics of a preference update (docs/cxone-contract.md#webhook-events). */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import type { Counts } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OutboxEvent } from '../../ledger/outbox/outbox.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { ON_SUPPRESSION_LIST } from './rows.ts';

/**
 * Lists the preferences of a batch that CXone holds now as the run wanted them. Rendered from the ledger, so every attempt
 * sends the same, except that data subjects who have been erased since are left out.
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

/**
 * The rate is the share of checked rows that broke no rule; it cannot become negative, and is 100 if no row was checked
 * (docs/cxone-contract.md#deliberate-deviations).
 */
export async function measureCompliance(ledger: Ledger, run: Run, { total, invalid = 0 }: Counts) {
  const reasons = await ledger.records.countReasons(run.run_no);
  const count = (code: string) =>
    reasons.filter((reason) => reason.code === code).reduce((sum, { n }) => sum + n, 0);
  const violations = invalid + count('gdpr_needs_consent_date');
  const rate = total === 0 ? 1 : (total - violations) / total;
  return {
    violations,
    complianceRatePercent: Math.round(rate * 10_000) / 100,
    suppressions: count(ON_SUPPRESSION_LIST.code),
  };
}
