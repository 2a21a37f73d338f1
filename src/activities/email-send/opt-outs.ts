/** Complaints and opt-outs of recipients, as rows of a preference update. */
import { Readable } from 'node:stream';
import { Context } from '@temporalio/activity';
import pLimit from 'p-limit';
import { CxoneError } from '../../cxone/errors.ts';
import type { StoredPreference } from '../../cxone/preferences.ts';
import { REGIONS } from '../../domain/consent/eligibility.ts';
import { toGuid } from '../../domain/contact-id.ts';
import { CLOCK_TOLERANCE_MS, toUtcTimestamp } from '../../domain/timestamps.ts';
import type { OptOut } from '../../ledger/emails/opt-outs.ts';
import { takeOver } from '../engine/step.ts';
import { isFinal } from '../failures.ts';
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
const LOOKUPS_AT_ONCE = 4;
/** Attempts that wait for a lookup: a few minutes. An objection must not wait for long. */
const PATIENT_ATTEMPTS = 10;

export function createOptOutActivities(deps: EmailSendDeps) {
  const { ledger } = deps;
  return {
    /** The next of them as a dataset; null: there are none. Repeatable: until they are marked, they are the next. */
    async stageOptOuts(runId: string): Promise<StagedOptOuts | null> {
      const run = await ledger.runs.get(runId);
      const optOuts = await ledger.emails.listOptOuts(run.run_no, { afterSeq: 0, limit: AT_ONCE });
      if (optOuts.length === 0) return null;
      const limit = pLimit(LOOKUPS_AT_ONCE);
      const found = await Promise.all(
        optOuts.map((optOut) => limit(() => toRow(deps, optOut, run.started_at))),
      );
      const rows = found.filter((row) => row !== null);
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
async function toRow(
  deps: EmailSendDeps,
  { contactId: written, at }: OptOut,
  startedAt: Date,
): Promise<object | null> {
  const contactId = written === null ? null : toGuid(written);
  if (contactId === null) return null;
  const isUsable = at !== null && isPast(at);
  return {
    contactId,
    channel: 'email',
    optIn: false,
    withdrawalTimestamp: (isUsable ? at : startedAt).toISOString(),
    ...(await findKept(deps, contactId)),
    source: 'cxflow email',
  };
}

const isPast = (at: Date): boolean => at.getTime() - Date.now() <= CLOCK_TOLERANCE_MS;

interface Kept {
  readonly regulatoryRegion: string;
  readonly consentTimestamp: string | null;
}

const NOTHING_KEPT: Kept = { regulatoryRegion: 'NONE', consentTimestamp: null };

/**
 * An update replaces the whole preference, and an event says nothing about the region or the date of the consent: they stay as CXone
 * has them. But CXone takes no opt-out under GDPR without that date, and the opt-out matters more than the region. The same if
 * CXone refuses the lookup, or does not answer it for long; until then the activity is tried again.
 */
async function findKept({ cxone, rateLimiter }: EmailSendDeps, contactId: string): Promise<Kept> {
  const { cancellationSignal: signal, info } = Context.current();
  const find = () => cxone.preferences.find({ contactId, channel: 'email', signal });
  try {
    const stored = await rateLimiter.withRequestSlot(() => rateLimiter.sendWithPermit(find, signal));
    return stored ? toKept(stored) : NOTHING_KEPT;
  } catch (error) {
    const isGivenUp = info.attempt > PATIENT_ATTEMPTS || isFinal(error);
    if (error instanceof CxoneError && isGivenUp) return NOTHING_KEPT;
    throw error;
  }
}

function toKept(stored: StoredPreference): Kept {
  const consented = toUtcTimestamp(stored.consentTimestamp?.trim() ?? '');
  const consentTimestamp = consented !== null && isPast(new Date(consented)) ? consented : null;
  const regulatoryRegion = REGIONS.find((each) => each === stored.regulatoryRegion.trim().toUpperCase());
  if (regulatoryRegion === undefined || (regulatoryRegion === 'GDPR' && consentTimestamp === null))
    return NOTHING_KEPT;
  return { regulatoryRegion, consentTimestamp };
}
