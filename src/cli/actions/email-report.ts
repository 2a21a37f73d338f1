/** What a report of an email send has beyond those of other operations. */
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { readEmailDelivery } from '../../queries/email-send.ts';
import { deliveryReport } from '../render/email-delivery.ts';
import type { OperationReport } from '../render/sections.ts';

export async function reportDelivery(ledger: Ledger, run: Run): Promise<OperationReport | null> {
  const delivery = await readEmailDelivery(ledger, run);
  return delivery && deliveryReport(delivery);
}
