/** What an email send reports: its plan and its result (docs/email-send.md). */
import {
  type EmailSendFigures,
  type EmailSendOutlook,
  type EmailSendResult,
  messageOf,
  emailSend as spec,
} from '../../contract/email-send.ts';
import type { BulkResult } from '../../contract/run.ts';
import { type CanaryPlan, planCanary } from '../../domain/email-send/canary.ts';
import { describeExpected } from '../../domain/email-send/expected.ts';
import { deliveryFigures } from '../../domain/email-send/figures.ts';
import { canaryBatches } from '../../domain/email-send/share.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { countDeliveries } from '../../ledger/emails/counts.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { PlanAddition, PlanNotes } from '../engine/definition.ts';
import { runInput } from '../engine/run-input.ts';
import { roomToday } from './daily-limit.ts';
import { expectOutcomes } from './expected.ts';
import type { EmailSendDeps } from './settings.ts';

export async function describePlan(deps: EmailSendDeps, run: Run): Promise<PlanAddition> {
  const { dailyLimit, recipientsPerRequest } = deps.email;
  const { pending } = await deps.ledger.runs.exactCounts(run.run_no);
  const batches = Math.ceil(pending / recipientsPerRequest);
  const { canary: percent, channelConsent = 'require', policy = 'default' } = runInput(spec, run);
  const share = canaryBatches(batches, percent);
  const recipients = Math.min(pending, share * recipientsPerRequest);
  const plan = share === 0 ? null : planCanary({ recipients, percent: 100 });
  const figures: EmailSendFigures = {
    consent: { channelConsent, ...(channelConsent === 'require' && { policy }) },
    dailyLimit,
    days: Math.ceil(pending / dailyLimit),
    canary: plan && { batches: share, recipients, plan },
  };
  return { notes: canaryNotes(percent, plan), figures };
}

function canaryNotes(percent: number | undefined, plan: CanaryPlan | null): readonly string[] {
  if (percent === undefined) return [];
  if (plan === null) return ['too few recipients for a first share: all of them are in one batch'];
  if (plan.canContinue) return [];
  const fewest = Math.max(...plan.measures.map((measure) => measure.fewest));
  return [
    `the first share of ${plural(plan.messages, 'message')} is too small to be found good, so the run will ask a person in any case; ` +
      `${formatCount(fewest)} would suffice`,
  ];
}

/**
 * How much of today's limit is left, and who is on our own list, change by themselves. No approval binds to either: an objection
 * must not make it void, and whoever is no longer on the list was part of the plan.
 */
export async function describeRecipients(deps: EmailSendDeps, run: Run): Promise<PlanNotes> {
  const input = runInput(spec, run);
  const { channelConsent } = input;
  const message = messageOf(input);
  const contacts = await deps.ledger.records.countPendingContacts(run.run_no);
  const outlook: EmailSendOutlook = {
    roomToday: await roomToday(deps),
    expected: await expectOutcomes(deps, run, contacts),
  };
  const without = contacts.pending - contacts.withGuid;
  const notes = [
    ...(message.mergeFields === undefined
      ? [
          'the message declares no mergeFields, so nobody has checked that the recipients have what the template needs',
        ]
      : []),
    ...(channelConsent !== 'ignore' && without > 0
      ? [
          `${plural(without, 'recipient has', 'recipients have')} no contact id whose consent could be looked up, and will be ineligible; with ` +
            '--channel-consent ignore (channelConsent: "ignore") consent is not looked up',
        ]
      : []),
  ];
  return { notes, outlook, forecast: [`expected: ${describeExpected(outlook.expected)}`] };
}

type OwnResult = Omit<EmailSendResult, Exclude<keyof BulkResult, 'kind'>>;

export async function describeResult({ ledger }: EmailSendDeps, run: Run): Promise<OwnResult> {
  return {
    kind: 'emailSend',
    templateId: messageOf(runInput(spec, run)).templateId,
    jobs: (await ledger.emails.jobs(run.run_no)).length,
    // Whoever may have been sent another message is in doubt, although what became of the first one is known.
    delivery: deliveryFigures(await countDeliveries(ledger, run.run_no, 'sent')),
  };
}
