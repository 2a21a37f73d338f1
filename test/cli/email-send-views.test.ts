/** What the plan, the progress, the report and the exported records of an email send show. */
import { describe, expect, it } from 'vitest';
import { renderPage } from '../../src/cli/html/page.ts';
import { run } from '../../src/cli/main.ts';
import { deliveryReport } from '../../src/cli/render/email-delivery.ts';
import { sampleMessages } from '../../src/cli/render/email-samples.ts';
import { describeProgress, emailSendFacts } from '../../src/cli/render/email-send-facts.ts';
import { stepsForDelivery } from '../../src/cli/render/email-send-steps.ts';
import { htmlToText, renderSampleMessages } from '../../src/cli/render/sample-messages.ts';
import { renderSection } from '../../src/cli/render/sections.ts';
import {
  type DeliveryCounts,
  deliveryFigures,
  NO_DELIVERY_COUNTS,
} from '../../src/domain/email-send/figures.ts';
import type { CountedMessage } from '../../src/ledger/emails/messages.ts';
import type { EmailDelivery } from '../../src/queries/email-send.ts';
import { each } from '../harness/fake-run.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';
import { REPORT } from './report-page.ts';

const COUNTS: DeliveryCounts = {
  ...NO_DELIVERY_COUNTS,
  delivered: 90,
  bounced: { hard: 4, soft: 2, policy: 0, unknown: 0 },
  failed: 1,
  accepted: 2,
  inDoubt: 1,
  deferred: 1,
  complained: 1,
  ofDelivered: { opened: 45, clicked: 9, complained: 1, unsubscribed: 0 },
  opens: { people: 60, machines: 20, suspected: 0 },
  clicks: { people: 10, machines: 0, suspected: 6 },
  autoReplies: 3,
};

const DELIVERY: EmailDelivery = {
  figures: deliveryFigures(COUNTS),
  toBeSentAgain: 1,
  attempts: [100, 2],
  unmatched: [{ type: 'bounce', n: 1 }],
  optOuts: { handedOver: 2, waiting: 1, runs: [{ runId: 'r1.opt-outs-ds_1', state: 'failed' }] },
  openJobs: 1,
  jobs: [
    job('j1', { latencyMs: 4_000 }),
    job('j2', { status: 'failed', endedHow: 'failed', latencyMs: 9_000 }),
    job('j3', { status: 'processing', endedHow: null, latencyMs: null }),
    job('j4', { status: 'queued', endedHow: 'deadline', latencyMs: null }),
  ],
  timeline: {
    ...{ from: new Date('2026-03-01T10:00:00Z'), to: new Date('2026-03-01T10:00:20Z') },
    points: [
      { at: new Date('2026-03-01T10:00:10Z'), delivered: 40, bounced: 2 },
      { at: new Date('2026-03-01T10:00:20Z'), delivered: 90, bounced: 6 },
    ],
  },
};

function job(jobId: string, change: Partial<EmailDelivery['jobs'][number]>): EmailDelivery['jobs'][number] {
  return {
    ...{
      jobId,
      batch: 1,
      attempt: 1,
      submittedAt: new Date('2026-03-01T10:00:00Z'),
      recipients: 25,
      polls: 3,
    },
    ...{ status: 'completed', latencyMs: 4_000, spamScore: null, endedHow: 'completed' },
    ...change,
  };
}

const sectionOf = (title: string, delivery = DELIVERY) => {
  const { summary, details } = deliveryReport(delivery);
  const section = [...summary, ...details].find((each) => each.title === title);
  if (!section) throw new Error(`no section ${title}`);
  return section;
};

const MESSAGE = {
  subject: 'Hi {{firstName}}',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
  mergeFields: [{ name: 'firstName', fallback: 'there' }],
};
const ANN = {
  contactId: 'crm-1001',
  toAddress: 'ann@example.com',
  mergeFields: { firstName: 'Annabel' },
  tags: [],
};
const INPUT = { message: MESSAGE, source: { dataset: 'ds_1' } };

describe('the plan of an email send', () => {
  it('shows what the first recipients will read, with their addresses masked', async () => {
    const plan = {
      ...{
        hash: 'p1',
        total: 1,
        toWrite: 1,
        invalid: 0,
        duplicate: 0,
        batches: 1,
        figures: { dailyLimit: 5_000, days: 3, canary: null },
      },
    };
    const input = {
      ...INPUT,
      message: { ...MESSAGE, preview: '<p>Hi {{firstName}},</p><p>see &amp; buy</p>' },
    };
    const session = fakeSession({ run: finished({ kind: 'emailSend', plan, input, dry_run: true }) });
    const ledger = {
      ...session.ledger,
      reports: { samples: () => Promise.resolve([ANN]) },
      emails: { jobs: () => Promise.resolve([]) },
    };
    const cli = fakeCli({ ...session, ledger: ledger as unknown as NonNullable<typeof session.ledger> });
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('what the first recipients will read');
    expect(cli.out()).toMatch(/to +a…@…\n +subject +Hi Annabel\n +preview +Hi Annabel,\n +see & buy\n/);
    expect(cli.out()).not.toContain('ann@example.com');
  });

  it('shows the fields with their values hidden if nobody has said what the message looks like', () => {
    const [, text] = renderSampleMessages(sampleMessages([ANN], INPUT, false));
    expect(text).toMatch(/subject +Hi Annabel\n +contactId +c…\n +firstName +A…$/);
  });

  it('shows no value at all in a report, which is passed on', () => {
    const input = { ...INPUT, message: { ...MESSAGE, preview: 'Hi {{firstName}}' } };
    const messages = sampleMessages([ANN], input, true);
    expect(messages[0]).toMatchObject({ to: 'a…@…', subject: 'Hi A…', body: { content: 'Hi A…' } });
    const page = renderPage({ ...REPORT, planDetails: { samples: [], messages } });
    expect(page).toContain('Hi A…');
    expect(page).not.toContain('Annabel');
  });

  it('shows HTML as the text that people read', () => {
    const markup =
      '<head><title>x</title></head><style>p{}</style>\n<p>A&nbsp;&lt;b&gt; &#8364;<br>C</p><!-- d --><li>E</li>';
    expect(htmlToText(markup).trim().split('\n')).toEqual(['A <b> €', 'C', 'E']);
  });

  it('cuts long previews and long lines', () => {
    const content = [...Array<string>(12)].map((_, i) => `line ${i} ${'x'.repeat(90)}`).join('\n');
    const [, text = ''] = renderSampleMessages([
      { to: 'a…', subject: 's', body: { format: 'text', content }, fields: [] },
    ]);
    expect(text).toContain('… and 4 more lines');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('the report of an email send', () => {
  it('has a line for each state, and they add up to what was sent', () => {
    const { rows, bars = [] } = sectionOf('what became of the messages');
    const numbers = rows.map(([, n = '']) => Number(n.replaceAll(',', '')));
    expect(numbers.slice(0, -1).reduce((a, b) => a + b)).toBe(numbers.at(-1));
    expect(rows.map(([name]) => name)).toEqual([
      ...['delivered', 'bounced: hard', 'bounced: soft', 'failed'],
      ...['accepted, no word since, 1 of them put off', 'in doubt', 'sent'],
    ]);
    expect(bars).toHaveLength(rows.length - 1);
    expect(renderSection(sectionOf('what became of the messages'))).toContain(
      '1 recipient of these will be sent the message again',
    );
  });

  it('has every rate with its denominator', () => {
    const rates = new Map(sectionOf('rates').rows.map(([name, ...cells]) => [name, cells]));
    expect(rates.get('bounce rate')).toEqual(['6.00 %', '6', '100 sent']);
    expect(rates.get('open rate')).toEqual(['50.00 %', '45', '90 delivered']);
    const nothing = { ...DELIVERY, figures: deliveryFigures(NO_DELIVERY_COUNTS) };
    expect(sectionOf('rates', nothing).rows.map(([, rate]) => rate)).toEqual(Array(11).fill('–'));
  });

  it('counts events by people, by machines and suspected ones beside each other', () => {
    const { rows } = sectionOf('events');
    expect(rows).toEqual([
      ['opens', '60', '20', '0', '80'],
      ['clicks', '10', '0', '6', '16'],
      ['automatic replies', '', '', '', '3'],
      ['of unknown recipients: bounce', '', '', '', '1'],
    ]);
  });

  it('lists first the jobs that somebody should look at, then open ones, then the slowest', () => {
    const { rows } = sectionOf("CXone's jobs");
    expect(rows.map(([id, status]) => `${id} ${status}`)).toEqual([
      ...['j2 failed', 'j4 queued (deadline)', 'j3 processing', 'j1 completed'],
    ]);
    const many = { ...DELIVERY, jobs: Array.from({ length: 25 }, (_, i) => job(`j${i}`, {})) };
    expect(sectionOf("CXone's jobs", many)).toMatchObject({
      note: expect.stringContaining('5 more jobs') as string,
    });
  });

  it('says whether opt-outs were handed over, and to which run', () => {
    const cells = sectionOf('opt-outs and complaints').rows.flat();
    expect(cells).toEqual(['handed over', '2', 'not handed over yet', '1', 'r1.opt-outs-ds_1, failed', '']);
    const nobody = { ...DELIVERY, optOuts: { handedOver: 0, waiting: 0, runs: [] } };
    expect(deliveryReport(nobody).details).toHaveLength(deliveryReport(DELIVERY).details.length - 1);
  });

  it('fits into 80 columns', () => {
    const { summary, details } = deliveryReport(DELIVERY);
    const guid = { ...DELIVERY, jobs: [job('3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23', {})] };
    for (const section of [...summary, ...details, sectionOf("CXone's jobs", guid)])
      for (const line of renderSection(section).split('\n'))
        expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('is part of the HTML report, with a bar for each share', () => {
    const { summary, details, curves } = deliveryReport(DELIVERY);
    const page = renderPage({ ...REPORT, sections: [...summary, ...details], curves });
    expect(page).toContain('<h2>What became of the messages</h2>');
    expect(page).toContain('<span class="good" style="width:90.00%">');
    expect(page).toContain('CXone&#39;s jobs');
    expect(page).toContain('90 deliveries and 6 bounces, added up over time.');
  });

  it('asks a person to look at messages that did not arrive for a reason that is not the recipient', () => {
    const stepsFor = (counts: Partial<DeliveryCounts>) => {
      const result = { delivery: deliveryFigures({ ...NO_DELIVERY_COUNTS, ...counts }) };
      const ended = { ...{ runId: 'r1', target: 't', state: 'completed', counts: {} }, input: {}, result };
      return stepsForDelivery({ ...ended, state: 'completed', dryRun: false, sourceFormat: 'csv' }, 'cxflow');
    };
    const bounced = { hard: 3, soft: 2, policy: 0, unknown: 1 };
    expect(stepsFor({ bounced, accepted: 4, delivered: 1 })).toEqual([]);
    expect(stepsFor({ failed: 2 }).map(({ what }) => what)).toEqual([
      expect.stringContaining('2 messages failed'),
    ]);
    expect(stepsFor({ bounced: { ...bounced, policy: 1 } })).toHaveLength(1);
    expect(stepsFor({ inDoubt: 1 })).toHaveLength(1);
  });

  it('has the number of jobs among its facts, unless nothing was sent', () => {
    expect(emailSendFacts({ jobs: 12 })).toEqual([["CXone's jobs", '12']]);
    expect(emailSendFacts({ jobs: 0 })).toEqual([]);
    expect(emailSendFacts({})).toEqual([]);
  });
});

describe('the progress of an email send', () => {
  it('is how many jobs are open, and what is known of the messages', () => {
    const group = (state: string, n: number) => ({ outcome: 'sent', state, bounceClass: null, n }) as const;
    const figures = { groups: [group('delivered', 1_200), group('accepted', 100)], recipients: 1_300 };
    expect(describeProgress({ open: 3 }, figures)).toBe('3 jobs open, 1,200 of 1,300 delivered');
    expect(
      describeProgress({ open: 1 }, { ...figures, groups: [...figures.groups, group('bounced', 7)] }),
    ).toBe('1 job open, 1,200 of 1,300 delivered, 7 bounced');
  });
});

describe('the exported records of an email send', () => {
  it('have what became of the message, for those who were sent one', async () => {
    const message = (seq: number, change: Partial<CountedMessage>): CountedMessage => ({
      ...{
        seq,
        state: 'delivered',
        bounceClass: null,
        bounceCode: null,
        complained: false,
        unsubscribed: false,
      },
      ...{
        opened: true,
        clicked: false,
        deliveredAt: new Date('2026-03-01T10:00:00Z'),
        jobId: 'j1',
        attempts: 1,
      },
      ...change,
    });
    const messages = [
      message(1, {}),
      message(3, {
        ...{ state: 'bounced', bounceClass: 'soft', bounceCode: '4.2.2', opened: false, deliveredAt: null },
        ...{ attempts: 3, unsubscribed: true, jobId: 'j9' },
      }),
    ];
    const source = { name: 'p.csv', format: 'csv', bytes: 1, sha256: 'x', columns: ['email'] };
    const session = fakeSession({ run: finished({ kind: 'emailSend', input: INPUT, source }) });
    const list = () =>
      each(
        ['sent', 'invalid', 'sent'].map((outcome, i) => ({
          ...{ seq: i + 1, line: i + 2, fields: { email: `${i}@example.com` }, outcome, reasons: [] },
        })),
      );
    const ledger = {
      ...session.ledger,
      records: { ...session.ledger?.records, list },
      emails: { listMessages: () => each(messages) },
    };
    const cli = fakeCli({ ...session, ledger: ledger as unknown as NonNullable<typeof session.ledger> });
    expect(await run(['records', 'r1'], cli)).toBe(0);
    expect(cli.out().trimEnd().split('\n')).toEqual([
      'email,cxflow_line,cxflow_outcome,cxflow_reasons,cxflow_delivery,cxflow_bounce_class,cxflow_bounce_code,cxflow_attempts,cxflow_delivered_at,cxflow_opened,cxflow_clicked,cxflow_opted_out,cxflow_job',
      '0@example.com,2,sent,,delivered,,,1,2026-03-01T10:00:00.000Z,true,false,,j1',
      '1@example.com,3,invalid,,,,,,,,,,',
      '2@example.com,4,sent,,bounced,soft,4.2.2,3,,false,false,unsubscribed,j9',
    ]);
  });
});
