/**
 * What becomes of the recipients of a plan as far as our own ledger knows, counted without a request. Nothing is decided: the gate
 * does that by the same entries, when a batch leaves.
 */
import { toGuid } from '../../domain/contact-id.ts';
import {
  type ExpectedOutcomes,
  SUPPRESSED_BY,
  type SuppressedBy,
  suppressedBy,
} from '../../domain/email-send/expected.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { inChunks } from '../engine/chunks.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { requiresConsent } from './checks.ts';
import { findOwnEntries, recipientOf } from './recipients.ts';
import type { EmailSendDeps } from './settings.ts';

const RECIPIENTS_PER_CHUNK = 5_000;

/**
 * Reads the recipients only if our own list has anybody: it has hashes under a key that the database does not have, so they are
 * hashed here, and compared with one statement for each chunk.
 */
export async function expectOutcomes(
  { ledger, draining }: Pick<EmailSendDeps, 'ledger' | 'draining'>,
  run: Run,
  { pending, withGuid }: { readonly pending: number; readonly withGuid: number },
): Promise<ExpectedOutcomes> {
  const byKind = new Map<SuppressedBy, number>();
  let ineligible = requiresConsent(run) ? pending - withGuid : 0;
  if (!(await ledger.suppressions.isEmpty())) {
    const recipients = ledger.records.listPending(run.run_no);
    for await (const chunk of inChunks(recipients, { items: RECIPIENTS_PER_CHUNK })) {
      await throwIfStopping(draining);
      const entries = await findOwnEntries(ledger, chunk);
      for (const { reason } of entries.values()) {
        const kind = suppressedBy(reason);
        byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
      }
      // Suppression comes first.
      if (requiresConsent(run))
        ineligible -= chunk.filter(
          (record) => entries.has(record.seq) && !hasGuid(recipientOf(record)),
        ).length;
    }
  }
  const suppressed = SUPPRESSED_BY.flatMap((by) => {
    const n = byKind.get(by);
    return n === undefined ? [] : [{ by, n }];
  });
  const sent = pending - ineligible - suppressed.reduce((sum, { n }) => sum + n, 0);
  return { sent, suppressed, ineligible };
}

const hasGuid = ({ contactId }: { readonly contactId: string | null }): boolean =>
  contactId !== null && toGuid(contactId) !== null;
