/** Defines the email send for the engine: how rows are read, the lookups and the one POST, and what follows it. */
import { emailSend as spec } from '../../contract/email-send.ts';
import type { Recipient } from '../../domain/email-send/recipients.ts';
import type { BulkDefinition } from '../engine/definition.ts';
import { BATCH_DEADLINE_MS, type WriteDefinition } from '../engine/write-definition.ts';
import type { Webhooks } from '../outbox/deliver.ts';
import { checkConsent, checkSuppressions, countLookups } from './checks.ts';
import { readOpenJobs } from './ending.ts';
import { COMPLETED, renderJob } from './events.ts';
import { sendGate } from './gate.ts';
import { judgeCanary } from './judge.ts';
import { createOptOutActivities } from './opt-outs.ts';
import { CONSENT_CHECK, SEND, SUPPRESSION_CHECK } from './refs.ts';
import { describePlan, describeRecipients, describeResult } from './report.ts';
import { createRowReader, findDuplicateRecipients, requireDeclaredFields } from './rows.ts';
import { sendBatch } from './send.ts';
import type { EmailSendDeps } from './settings.ts';
import { type TrackMessages, trackMessages } from './tracking.ts';
import { giveUp } from './unsent.ts';

/** After this many in a row the run pauses and asks a person. */
const PAUSES_AFTER = { lostAnswers: 2, refusals: 20 } as const;

interface Given extends Omit<EmailSendDeps, 'hasSubscriber'> {
  readonly webhooks: Webhooks;
}

interface EmailSend {
  readonly definition: BulkDefinition;
  readonly activities: ReturnType<typeof createActivities>;
}

export function defineEmailSend({ webhooks, ...given }: Given): EmailSend {
  const deps: EmailSendDeps = { ...given, hasSubscriber: webhooks.crm !== null };
  const { ledger, cxone } = deps;
  const rules: Pick<WriteDefinition, 'deadlineMs' | 'claimAhead' | 'giveUp'> = {
    deadlineMs: BATCH_DEADLINE_MS,
    claimAhead: false,
    giveUp: (attempt, error) => giveUp(deps, attempt, error),
  };
  const reads = { ...rules, repeatable: true, gate: null };
  const email = { request: () => cxone.email.probe(), isConclusive: false };
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: deps.email.recipientsPerRequest,
    firstWrite: () => SUPPRESSION_CHECK,
    pausesAfter: PAUSES_AFTER,
    personalValues: (record) => personalValues(record as Recipient),
    writes: {
      [SUPPRESSION_CHECK]: {
        ...reads,
        probe: { ...email, isConclusive: true },
        send: (attempt) => checkSuppressions(deps, attempt),
      },
      [CONSENT_CHECK]: {
        ...reads,
        probe: { request: () => cxone.preferences.probe(), isConclusive: true },
        send: (attempt) => checkConsent(deps, attempt),
      },
      // An email cannot be taken back. Only a tenant that drops repeats under the same key makes a repeat safe.
      [SEND]: {
        ...rules,
        repeatable: deps.email.isIdempotent,
        repeatsOnlyWhole: true,
        probe: email,
        gate: (attempt) => sendGate(deps, attempt),
        send: (attempt) => sendBatch(deps, attempt),
      },
    },
    event: {
      name: COMPLETED,
      endpoint: 'crm',
      renderItems: (run, event) => renderJob(deps, run, event),
    },
    createReader: createRowReader,
    findDuplicates: findDuplicateRecipients,
    completeStaging: (run) => requireDeclaredFields(ledger, run),
    countLookups: (run) => countLookups(deps, run),
    prepare: (run) => describePlan(deps, run),
    planNotes: (run) => describeRecipients(deps, run),
    result: (run) => describeResult(deps, run),
    async beforeEndingEarly(run) {
      await readOpenJobs(deps, run);
      await ledger.emails.dropRetries(run);
    },
    onEndedEarly: (run) => ledger.emailQuota.freeUnsent(run),
  };
  return { definition, activities: createActivities(deps) };
}

function createActivities(deps: EmailSendDeps) {
  return {
    /** Follows the jobs that are due. Repeatable; fails, to be tried again, while jobs are open. */
    trackMessages: (request: TrackMessages) => trackMessages(deps, request),
    /** Whether what became of the first share permits to send the rest. Repeatable. */
    judgeCanary: (runId: string) => judgeCanary(deps, runId),
    ...createOptOutActivities(deps),
  };
}

/** Merge fields may be anything, names and addresses among them. */
function personalValues({ contactId, toAddress, mergeFields, tags }: Recipient): string[] {
  return [...(contactId === null ? [] : [contactId]), toAddress, ...Object.values(mergeFields), ...tags];
}
