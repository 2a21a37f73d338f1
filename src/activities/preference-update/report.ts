/** The event and the metrics of a preference update (docs/cxone-contract.md#webhook-events). */
import type { PreferenceItem } from '../../cxone/preferences.ts';
import { figuresOf, type Measures } from '../../domain/metrics.ts';
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
    auditId: event.audit_id,
    payload: settled
      .filter(({ outcome }) => outcome === 'updated' || outcome === 'existing')
      .filter(({ record }) => !isErased(record))
      .map(({ record, outcome, codes, cxoneId }) => {
        const { contactId, channel, optIn } = record as PreferenceItem;
        return {
          id: cxoneId,
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

/** The governance metrics of the run (docs/metrics.md), and the objections that only our own suppression list respects. */
export async function measureCompliance(ledger: Ledger, run: Run, measures: Measures) {
  const reasons = await ledger.records.countReasons(run.run_no);
  const suppressed = reasons.filter(({ code }) => code === ON_SUPPRESSION_LIST.code);
  return {
    violations: measures.violations,
    complianceRatePercent: figuresOf(measures).complianceRatePercent,
    suppressions: suppressed.reduce((sum, { n }) => sum + n, 0),
  };
}
