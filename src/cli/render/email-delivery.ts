/** What became of the messages of an email send, as tables for the terminal and the report. Pure. */
import { BOUNCE_CLASSES } from '../../domain/email-send/bounces.ts';
import { DELIVERY_RATES, type DeliveryFigures, type DeliveryRate } from '../../domain/email-send/figures.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { OptOutRun } from '../../queries/email-opt-outs.ts';
import type { EmailDelivery, JobReport } from '../../queries/email-send.ts';
import { formatPercent, formatRate, spaced } from '../terminal/format.ts';
import { formatMs } from './run-parts.ts';
import type { Bar, Curves, OperationReport, Section } from './sections.ts';

/** For the JSON document: all jobs, because a program may look for one. */
export function deliveryReport(delivery: EmailDelivery): OperationReport {
  return {
    data: { delivery },
    summary: [states(delivery)],
    details: [
      rates(delivery),
      ...engagement(delivery),
      ...attempts(delivery),
      ...optOuts(delivery),
      jobs(delivery),
    ],
    curves: curves(delivery),
  };
}

function curves({ timeline }: EmailDelivery): readonly Curves[] {
  if (!timeline) return [];
  const { from, to, points } = timeline;
  const last = points.at(-1);
  const of = (kind: 'delivered' | 'bounced') => [
    { at: from.getTime(), value: 0 },
    ...points.map((point) => ({ at: point.at.getTime(), value: point[kind] })),
  ];
  return [
    {
      title: 'Deliveries and bounces, as they happened',
      description: `${plural(last?.delivered ?? 0, 'delivery')} and ${plural(last?.bounced ?? 0, 'bounce')}, added up over time.`,
      unit: 'events',
      ...{ from: from.getTime(), to: to.getTime() },
      series: [
        { name: 'deliveries', colour: 'line', points: of('delivered') },
        { name: 'bounces', colour: 'high', points: of('bounced') },
      ],
    },
  ];
}

type Line = readonly [name: string, n: number, colour: Bar['colour']];

/** Its lines add up to the last one. */
function states({ figures, toBeSentAgain }: EmailDelivery): Section {
  const { sent, delivered, bounced, failed, accepted, inDoubt, deferred } = figures;
  const put = deferred === 0 ? '' : `, ${formatCount(deferred)} of them put off`;
  const lines: readonly Line[] = [
    ['delivered', delivered, 'good'],
    ...BOUNCE_CLASSES.map(
      (each): Line => [`bounced: ${each}`, bounced[each], each === 'soft' ? 'other' : 'bad'],
    ),
    ['failed', failed, 'bad'],
    [`accepted, no word since${put}`, accepted, 'none'],
    ['in doubt', inDoubt, 'bad'],
  ];
  const present = lines.filter(([, n]) => n > 0);
  const again =
    toBeSentAgain === 0
      ? {}
      : {
          note: `${plural(toBeSentAgain, 'recipient')} of these will be sent the message again; until then, the outcome is pending.`,
        };
  return {
    title: 'what became of the messages',
    columns: [{ head: 'state' }, { head: 'recipients', align: 'right' }, { head: 'share', align: 'right' }],
    rows: [
      ...present.map(([name, n]) => [name, formatCount(n), formatPercent(n, sent)]),
      ['sent', formatCount(sent), sent === 0 ? '' : formatPercent(sent, sent)],
    ],
    hasTotal: true,
    bars: present.map(([, n, colour]) => ({ share: sent === 0 ? 0 : n / sent, colour })),
    ...again,
  };
}

const RATE_NAMES: Readonly<Record<DeliveryRate, string>> = {
  delivery: 'delivery rate',
  bounce: 'bounce rate',
  hardBounce: 'hard bounces',
  softBounce: 'soft bounces',
  policyBounce: 'policy bounces',
  unknownBounce: 'unknown bounces',
  failure: 'failure rate',
  open: 'open rate',
  click: 'click rate',
  complaint: 'complaint rate',
  unsubscribe: 'unsubscribe rate',
};

function rates({ figures }: EmailDelivery): Section {
  const names = Object.keys(DELIVERY_RATES) as DeliveryRate[];
  return {
    title: 'rates',
    columns: [
      { head: 'rate' },
      { head: '', align: 'right' },
      { head: 'messages', align: 'right' },
      { head: 'of', align: 'right' },
    ],
    rows: names.map((name) => {
      const { whole } = DELIVERY_RATES[name];
      const all = `${formatCount(figures[whole])} ${whole}`;
      return [RATE_NAMES[name], formatRate(figures.rates[name]), formatCount(partOf(name, figures)), all];
    }),
    note: 'Opened, clicked, complained about, unsubscribed: only delivered messages count.',
  };
}

function partOf(rate: DeliveryRate, { ofDelivered, ...figures }: DeliveryFigures): number {
  const { bounced } = figures;
  const parts: Readonly<Record<DeliveryRate, number>> = {
    delivery: figures.delivered,
    bounce: figures.bouncedTotal,
    hardBounce: bounced.hard,
    softBounce: bounced.soft,
    policyBounce: bounced.policy,
    unknownBounce: bounced.unknown,
    failure: figures.failed,
    open: ofDelivered.opened,
    click: ofDelivered.clicked,
    complaint: ofDelivered.complained,
    unsubscribe: ofDelivered.unsubscribed,
  };
  return parts[rate];
}

/** Numbers of events; nothing without any. */
function engagement({ figures, unmatched }: EmailDelivery): readonly Section[] {
  const { opens, clicks, unsubscribeVisits, autoReplies, unknownEvents } = figures;
  const rows = [
    ...Object.entries({ opens, clicks }).map(([name, { people, machines, suspected }]) => [
      name,
      ...[people, machines, suspected, people + machines + suspected].map(formatCount),
    ]),
    ...Object.entries({
      'visits of the unsubscribe link': unsubscribeVisits,
      'automatic replies': autoReplies,
      'events of unknown types': unknownEvents,
    }).flatMap(([name, n]) => (n === 0 ? [] : [[name, '', '', '', formatCount(n)]])),
    ...unmatched.map(({ type, n }) => [`of unknown recipients: ${type}`, '', '', '', formatCount(n)]),
  ];
  if (rows.every((row) => row.at(-1) === '0')) return [];
  return [
    {
      title: 'events',
      columns: [
        { head: '' },
        { head: 'by people', align: 'right' },
        { head: 'by machines', align: 'right' },
        { head: 'suspected', align: 'right' },
        { head: 'all', align: 'right' },
      ],
      rows,
      note: 'Suspected: not marked by the mail provider, but in the manner of a scanner. Rates count people.',
    },
  ];
}

function attempts({ attempts: counts }: EmailDelivery): readonly Section[] {
  if (counts.length < 2) return [];
  return [
    {
      title: 'messages sent again after a bounce',
      columns: [{ head: 'message' }, { head: 'recipients', align: 'right' }],
      rows: counts.map((n, i) => [
        i === 0 ? 'first' : `sent again ${i === 1 ? 'once' : plural(i, 'time')}`,
        formatCount(n),
      ]),
    },
  ];
}

/** Nothing if nobody objected. */
function optOuts({ optOuts: { handedOver, waiting, runs } }: EmailDelivery): readonly Section[] {
  if (handedOver + waiting === 0) return [];
  return [
    {
      title: 'opt-outs and complaints',
      columns: [{ head: '' }, { head: 'recipients', align: 'right' }],
      rows: [
        ['handed over', formatCount(handedOver)],
        ...(waiting === 0 ? [] : [['not handed over yet', formatCount(waiting)]]),
        ...describeOptOutRuns(runs).map((text) => [text, '']),
      ],
      note: 'Handed over: to a preference update, which brings them to CXone. Until then, and for those without a contact id, our own suppression list has them.',
    },
  ];
}

export const describeOptOutRuns = (runs: readonly OptOutRun[]): readonly string[] =>
  runs.map(({ runId, state }) => `${runId}, ${state}`);

const MAX_JOBS = 20;

/** Those to look at come first, then the slowest. */
function jobs({ jobs: all }: EmailDelivery): Section {
  const shown = all
    .toSorted((a, b) => rank(a) - rank(b) || (b.latencyMs ?? 0) - (a.latencyMs ?? 0))
    .slice(0, MAX_JOBS);
  const rest = all.length - shown.length;
  const score = shown.some(({ spamScore }) => spamScore !== null);
  return {
    title: "CXone's jobs",
    columns: [
      { head: 'job' },
      { head: 'status' },
      { head: 'recipients', align: 'right' },
      { head: 'polls', align: 'right' },
      { head: 'latency', align: 'right' },
      ...(score ? [{ head: 'spam score', align: 'right' } as const] : []),
    ],
    rows: shown.map((job) => [
      job.jobId,
      describeStatus(job),
      formatCount(job.recipients),
      formatCount(job.polls),
      formatMs(job.latencyMs),
      ...(score ? [job.spamScore === null ? '–' : String(job.spamScore)] : []),
    ]),
    ...(rest > 0 && {
      note: `Those to look at and the slowest; ${plural(rest, 'more job is', 'more jobs are')} in the JSON document.`,
    }),
  };
}

const rank = ({ status, endedHow }: JobReport): number =>
  endedHow === null ? 1 : status?.toLowerCase() === 'completed' ? 2 : 0;

function describeStatus({ status, endedHow }: JobReport): string {
  const word = status === null ? 'not asked yet' : spaced(status);
  const end = endedHow === null || endedHow === status?.toLowerCase() ? '' : ` (${spaced(endedHow)})`;
  return `${word}${end}`;
}
