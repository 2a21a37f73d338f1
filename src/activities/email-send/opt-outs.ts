/** Complaints and opt-outs of recipients, as rows of a preference update. */
import { Readable } from 'node:stream';
import { toGuid } from '../../domain/contact-id.ts';
import { CLOCK_TOLERANCE_MS } from '../../domain/timestamps.ts';
import type { OptOut } from '../../ledger/emails/opt-outs.ts';
import { takeOver } from '../engine/step.ts';
import type { EmailSendDeps } from './settings.ts';

/** Ids only, because it becomes part of the history. */
export interface StagedOptOuts {
  /** null: none of these people has a contact id that CXone could find. */
  readonly dataset: string | null;
  readonly rows: number;
  /** Recipient and attempt of each message concerned. */
  readonly messages: readonly (readonly [seq: number, attempt: number])[];
}

export interface SyncedOptOuts {
  readonly runId: string;
  readonly messages: StagedOptOuts['messages'];
}

const AT_ONCE = 500;

export function createOptOutActivities({ ledger }: EmailSendDeps) {
  return {
    /** The next of them as a dataset; null: there are none. Repeatable: until they are marked, they are the next. */
    async stageOptOuts(runId: string): Promise<StagedOptOuts | null> {
      const run = await ledger.runs.get(runId);
      const optOuts = await ledger.emails.listOptOuts(run.run_no, { afterSeq: 0, limit: AT_ONCE });
      if (optOuts.length === 0) return null;
      const rows = optOuts.flatMap((optOut) => toRow(optOut, run.started_at) ?? []);
      const messages = optOuts.map(({ seq, attempt }) => [seq, attempt] as const);
      if (rows.length === 0) return { dataset: null, rows: 0, messages };
      const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
      const bytes = Readable.from([Buffer.from(text)]);
      const { id } = await ledger.datasets.stage(`opt-outs of ${runId}`, 'ndjson', bytes);
      return { dataset: id, rows: rows.length, messages };
    },

    /** A preference update has them now. Repeatable. */
    async markOptOutsSynced({ runId, messages }: SyncedOptOuts): Promise<void> {
      const run = await takeOver(ledger, runId);
      await ledger.emails.markOptOutsSynced(
        run,
        messages.map(([seq, attempt]) => ({ seq, attempt })),
      );
    },
  };
}

/**
 * For that person and channel only. Null: there is nobody whom CXone's preferences could be about; our own list has the address.
 * Without a time that CXone would accept, such as one in the future, it is the start of the run, which is certainly not later than
 * what it found, and the same if this is repeated.
 */
function toRow({ contactId: written, at }: OptOut, startedAt: Date): object | null {
  const contactId = written === null ? null : toGuid(written);
  if (contactId === null) return null;
  const isUsable = at !== null && at.getTime() - Date.now() <= CLOCK_TOLERANCE_MS;
  return {
    contactId,
    channel: 'email',
    optIn: false,
    consentTimestamp: null,
    withdrawalTimestamp: (isUsable ? at : startedAt).toISOString(),
    regulatoryRegion: 'NONE',
    source: 'cxflow email',
  };
}
