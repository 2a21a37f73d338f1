import { describe, expect, it } from 'vitest';
import { defaultFileName } from '../../src/cli/actions/write-report.ts';
import { renderChart } from '../../src/cli/html/chart.ts';
import { escapeHtml, html } from '../../src/cli/html/markup.ts';
import { type ReportPage, renderPage } from '../../src/cli/html/page.ts';
import { formatTick, formatUtc } from '../../src/cli/html/times.ts';
import { chooseBucketWidthMs } from '../../src/queries/run-report.ts';
import { AT, at, bucket, REPORT } from './report-page.ts';

/** The text of the page without tags. */
const toText = (page: string) => page.replace(/<style>[^]*<\/style>/, '').replace(/<[^>]+>/g, ' ');

describe('the report page', () => {
  const page = renderPage(REPORT);

  it('contains outcomes that add up, reasons, slow batches and the history', () => {
    const text = toText(page).replace(/\s+/g, ' ');
    for (const phrase of [
      'created 900 90.0 %',
      'rejected 40 4.0 %',
      'total 1,000',
      'phone_not_e164 The phone number is not in the international form E.164 phone 60',
      '90.00 % success rate',
      '7 create 100 1.2 s 2 200',
      'pause sam lunch',
      'B resume by sam, 2026-03-01 10:00:18 UTC',
    ]) {
      expect(text).toContain(phrase);
    }
  });

  it('contains what CXone said: messages, ids, and how long it took by its own account', () => {
    const text = toText(page).replace(/\s+/g, ' ');
    for (const phrase of [
      'Messages of CXone',
      '2 more were only counted.',
      '7 200 4 list is nearly full',
      "31 ms average latency by CXone's account",
      '65a1b2c3d4e5f60012345679',
      '321 ms',
      'ids of 3 records',
    ])
      expect(text.replaceAll('&#39;', "'")).toContain(phrase);
    const silent = { messages: [], notKept: 0, answers: [], averageMs: null, recordIds: 0 };
    const slowest = REPORT.slowest.map((batch) => ({ ...batch, cxoneId: null, cxoneMs: null }));
    const without = toText(renderPage({ ...REPORT, cxone: silent, slowest }));
    expect(without).not.toMatch(/Messages of CXone|CXone(&#39;|')s/);
  });

  it('contains what the operation says of its plan, and masked samples of its records', () => {
    const histogram = {
      title: 'Scores',
      bars: [
        { label: '0–9', n: 0 },
        { label: '10–19', n: 1_200 },
      ],
    };
    const figures = { facts: [['capacity', '5 → 7 of <10>'] as const], histogram };
    const samples = [
      [['phone_number', '+1…01'] as const, ['plan', 'g…'] as const],
      [['email', 'a…@…'] as const],
    ];
    const with_ = renderPage({ ...REPORT, planDetails: { figures, samples } });
    expect(with_).toContain('<li>capacity: 5 → 7 of &lt;10&gt;</li>');
    const text = toText(with_).replace(/\s+/g, ' ');
    for (const phrase of ['Scores records 0–9 0 10–19 1,200', 'phone_number plan email +1…01 g… a…@…'])
      expect(text).toContain(phrase);
    expect(toText(page)).not.toContain('with values hidden');
  });

  it('loads nothing, and forbids the browser to load anything', () => {
    expect(page).toContain('content="default-src &#39;none&#39;;');
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|\ssrc=/i);
    expect(page.match(/https?:\/\/[^"\s]+/g)).toEqual(['http://127.0.0.1:8233/x']);
  });

  it('describes each chart in text and in a table', () => {
    const charts = [...page.matchAll(/<svg [^>]*role="img" aria-labelledby="(\S+) (\S+)">/g)];
    expect(charts).toHaveLength(2);
    for (const [, title, description] of charts) {
      expect(page).toContain(`<title id="${title}">`);
      expect(page).toMatch(new RegExp(`<desc id="${description}">[^<]{40,}`));
    }
    expect(page).toContain('The numbers behind the charts');
    expect([...page.matchAll(/<table>/g)]).toHaveLength([...page.matchAll(/<caption>/g)].length);
  });

  it('marks the decisions that were made while the run was writing, and no others', () => {
    const marks = [...page.matchAll(/<text class="mark mid"[^>]*>(.)</g)].map(([, label]) => label);
    expect(marks, 'in both charts; the approval was earlier').toEqual(['A', 'B', 'A', 'B']);
  });

  it('shades outages on the axis of time, and says what can have caused them', () => {
    const spans = [...page.matchAll(/<rect class="outage" x="([\d.]+)" width="([\d.]+)"/g)];
    expect(spans, 'one in each chart').toHaveLength(2);
    expect(toText(page)).toContain(
      '2026-03-01 10:00:13 UTC, nothing was settled for 4 s: requests were repeated',
    );
  });

  it('names what it leaves out: decisions without a mark, and entries after the first ones', () => {
    const history = Array.from({ length: 30 }, (_, n) => ({
      at: at(11),
      action: n % 2 ? 'resume' : 'pause',
      by: 'sam',
      why: null,
    }));
    const truncated = toText(renderPage({ ...REPORT, history, historyIsTruncated: true })).replace(
      /\s+/g,
      ' ',
    );
    expect(truncated).toContain('and 4 more without a mark');
    expect(truncated).toContain('Only the first 30');
    expect(toText(page)).not.toMatch(/without a mark|Only the first/);
  });

  it('escapes text from outside', () => {
    const history = [{ at: at(1), action: 'cancel', by: '<img src=x>', why: '"</td>&\u202e' }];
    const hostile = renderPage({ ...REPORT, title: "<script>alert('x')</script>", history });
    expect(hostile).not.toMatch(/<script|<img/);
    expect(hostile).toContain('&lt;script&gt;alert(&#39;x&#39;)');
    expect(hostile).toContain('&quot;&lt;/td&gt;&amp;\ufffd');
    expect(html`<p>${'<'}${html`<b>${'>'}</b>`}</p>`.html).toBe('<p>&lt;<b>&gt;</b></p>');
    expect(escapeHtml('a\u0000b')).toBe('a\ufffdb');
  });

  it.each([
    [
      'without records',
      { counts: { total: 0, pending: 0 }, reasons: [], timeline: null, slowest: [], history: [] },
    ],
    [
      'that has not ended',
      { state: 'running' as const, phase: 'paused' as const, finishedAt: null, waitingFor: 'resume' },
    ],
    ['that was cancelled', { state: 'cancelled' as const, counts: { total: 5, pending: 0, cancelled: 5 } }],
    ['that failed', { state: 'failed' as const, failure: { type: 'Forbidden', message: 'no scope' } }],
    [
      'with one request',
      {
        timeline: { from: at(1), to: at(1), widthMs: 100, buckets: [bucket(0, 1)], outages: [] },
        history: [],
      },
    ],
    [
      'without any answer',
      { timeline: { from: at(1), to: at(4), widthMs: 1_000, buckets: [bucket(2, 3, null)], outages: [] } },
    ],
  ])('renders a run %s', (_, change: Partial<ReportPage>) => {
    const drawn = renderPage({ ...REPORT, ...change });
    expect(drawn).not.toMatch(/NaN|undefined|Infinity|null/);
    expect(drawn).toMatch(/<\/html>\n$/);
  });
});

describe('a chart', () => {
  it('leaves a gap where there is no value', () => {
    const points = [5, null, 7].map((value, i) => ({ at: AT + i * 1_000, value }));
    const { html: svg } = renderChart({
      id: 'c',
      title: 't',
      description: 'd',
      unit: 'ms',
      from: AT,
      to: AT + 2_000,
      marks: [],
      series: [{ name: 's', colour: 'line', shape: 'line', points }],
    });
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).not.toMatch(/d="M[^"]*L/);
  });
});

describe('times in the report', () => {
  it('are in UTC, and as short as the axis allows', () => {
    expect(formatUtc(AT)).toBe('2026-03-01 10:00:00 UTC');
    expect([5_000, 60_000, 3_600_000, 1e9].map((span) => formatTick(AT, span))).toEqual([
      '10:00:00.0',
      '10:00:00',
      '10:00',
      '03-01 10:00',
    ]);
  });

  it('are divided into intervals of round numbers, and never into too many', () => {
    expect(
      [0, 50, 8_001, 66_000, 3_600_000, 86_400_000].map((span) => chooseBucketWidthMs(span, 80)),
    ).toEqual([100, 100, 200, 1_000, 60_000, 1_800_000]);
    const month = 30 * 86_400_000;
    expect(month / chooseBucketWidthMs(month, 80)).toBeLessThanOrEqual(80);
  });
});

it('the file is named after the run, in characters that every file system accepts', () => {
  expect(defaultFileName('contact-import:L1:abc')).toBe('contact-import_L1_abc.html');
  expect(defaultFileName('../../etc/passwd')).not.toMatch(/^\.|\//);
});
