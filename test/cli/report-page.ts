/** A report with something in every part, for tests of the page. */
import type { ReportPage } from '../../src/cli/html/page.ts';

export const AT = Date.parse('2026-03-01T10:00:00Z');
export const at = (seconds: number) => new Date(AT + seconds * 1_000);

export const bucket = (index: number, records: number, p95Ms: number | null = 90) => ({
  index,
  records,
  successes: Math.floor(records / 2),
  requests: Math.ceil(records / 100),
  averageMs: p95Ms === null ? null : p95Ms / 2,
  p95Ms,
  repeats: 0,
});

export const REPORT: ReportPage = {
  runId: 'contact-import:L1:abc',
  title: 'Contact import to list L1',
  kind: 'contactImport',
  target: 'L1',
  state: 'completed',
  phase: 'done',
  waitingFor: null,
  dryRun: false,
  requestedBy: 'alex',
  startedAt: at(0),
  finishedAt: at(60),
  readAt: at(90),
  counts: { total: 1_000, pending: 0, created: 900, invalid: 60, rejected: 40 },
  reasons: [{ outcome: 'invalid', code: 'phone_not_e164', field: 'phone', n: 60 }],
  failure: null,
  plan: { hash: 'abcdef', toWrite: 940, batches: 10 },
  source: { format: 'csv', bytes: 12_345, sha256: 'f00' },
  requests: { requests: 10, averageMs: 45, p50Ms: 40, p95Ms: 90 },
  rules: { checked: 1_000, violations: 60, complianceRatePercent: 94 },
  allRuns: {
    ...{ runs: 3, running: 1, failed: 0, records: 5_000, outcomes: { created: 4_000 }, successes: 4_000 },
    ...{ checked: 5_000, violations: 100, requests: 50, successRatePercent: 80, complianceRatePercent: 98 },
    ...{ averageLatencyMs: 50, p50LatencyMs: 45, p95LatencyMs: 120 },
  },
  result: {},
  facts: [['suppressions', '4, opt-outs']],
  planDetails: { samples: [] },
  cxone: {
    messages: [{ text: 'list is nearly full', httpStatus: 200, n: 7, answers: 7, firstBatch: 4 }],
    notKept: 2,
    answers: [],
    averageMs: 31.4,
    recordIds: 3,
  },
  repeats: 2,
  lostAnswers: 1,
  events: { delivered: 10, undelivered: 0 },
  timeline: {
    ...{ from: at(10), to: at(20), widthMs: 1_000, buckets: [bucket(0, 500), bucket(9, 440)] },
    outages: [{ from: at(13), to: at(17), isRepeated: true }],
  },
  slowest: [
    {
      batch: 7,
      kind: 'create',
      records: 100,
      latencyMs: 1_234,
      attempts: 2,
      httpStatus: 200,
      settledAt: at(15),
      cxoneId: '65a1b2c3d4e5f60012345679',
      cxoneMs: 321,
    },
  ],
  history: [
    { at: at(0), action: 'run_opened', by: 'alex', why: null },
    { at: at(5), action: 'approve', by: 'dana', why: null },
    { at: at(12), action: 'pause', by: 'sam', why: 'lunch' },
    { at: at(18), action: 'resume', by: 'sam', why: null },
  ],
  historyIsTruncated: false,
  sections: [],
  curves: [],
  link: 'http://127.0.0.1:8233/x',
};
