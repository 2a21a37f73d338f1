/** What the plan, the progress and the result of an email send say beyond those of other operations. Pure. */
import type { EmailSendFigures, EmailSendOutlook, EmailSendResult } from '../../contract/email-send.ts';
import { describeExpected } from '../../domain/email-send/expected.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { EmailFigures } from '../../ledger/emails/figures.ts';
import type { OpenJobs } from '../../ledger/emails/jobs.ts';
import type { PlanFigures } from './plan.ts';
import type { Fact } from './run-parts.ts';

/** As the contract defines them. `outlook`, or a part of it, is missing in a plan of an earlier version. */
export function emailSendFigures(figures: unknown, outlook?: unknown): PlanFigures {
  const { dailyLimit, days, canary } = figures as EmailSendFigures;
  const { roomToday, expected } = (outlook ?? {}) as Partial<EmailSendOutlook>;
  const left = roomToday === undefined ? '' : `; ${formatCount(roomToday)} of today's are left`;
  return {
    facts: [
      ...(expected === undefined ? [] : [['expected', describeExpected(expected)] as const]),
      ['daily limit', `${plural(dailyLimit, 'message')}${left}`],
      ['takes', `${plural(days, 'day')} by the daily limit, if nothing else is sent`],
      ...(canary === null ? [] : describeCanary(canary)),
    ],
    lookups: 'suppression and consent',
  };
}

/** What the first share is judged by, and how often that may be wrong. */
function describeCanary({
  recipients,
  batches,
  plan: { measures, falsePause, falseContinue },
}: NonNullable<EmailSendFigures['canary']>): readonly Fact[] {
  return [
    ['first share', `${plural(recipients, 'recipient')} in ${plural(batches, 'batch')}`],
    ...measures.flatMap(describeMeasure),
    ['error rates', `a good send pauses in at most ${toPercent(falsePause)} of cases`],
    ['', `a bad one continues in at most ${toPercent(falseContinue)}`],
  ];
}

function describeMeasure(measure: Measure): readonly Fact[] {
  const { name, continueUpTo, pauseFrom, acceptable, unacceptable, fewest } = measure;
  const goesOn =
    continueUpTo === null
      ? `asks in any case, as ${formatCount(fewest)} are needed`
      : `goes on with up to ${formatCount(continueUpTo)}`;
  return [
    [`its ${name}s`, `${goesOn}; pauses from ${formatCount(pauseFrom)}`],
    ['', `good: up to ${toPercent(acceptable)}, bad: from ${toPercent(unacceptable)}`],
  ];
}

type Measure = NonNullable<EmailSendFigures['canary']>['plan']['measures'][number];

/** `0.1 %`, `3 %` */
const toPercent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

/** `result`: as the contract defines it; runs that ended otherwise have a part of it, or none. */
export function emailSendFacts(result: unknown): readonly Fact[] {
  const { jobs = 0, dryRun = false } = result as Partial<EmailSendResult>;
  return dryRun || jobs === 0 ? [] : [["CXone's jobs", formatCount(jobs)]];
}

/** `3 jobs open, 11,987 of 12,340 delivered` */
export function describeProgress(
  { open }: Pick<OpenJobs, 'open'>,
  { groups, recipients }: Pick<EmailFigures, 'groups' | 'recipients'>,
): string {
  const inState = (state: string) =>
    groups.reduce((sum, each) => sum + (each.state === state ? each.n : 0), 0);
  const [delivered, bounced] = [inState('delivered'), inState('bounced')];
  const parts = [
    `${plural(open, 'job')} open`,
    `${formatCount(delivered)} of ${formatCount(recipients)} delivered`,
    ...(bounced === 0 ? [] : [`${formatCount(bounced)} bounced`]),
  ];
  return parts.join(', ');
}
