import fc from 'fast-check';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { renderPlan } from '../../src/cli/render/plan.ts';
import { type RunResultView, renderCounts, renderRunResult } from '../../src/cli/render/run-result.ts';
import { type Counts, OUTCOMES } from '../../src/domain/run.ts';

const colors = pc.createColors(false);

const RESULT: RunResultView = {
  runId: 'contact-import:L1:abc',
  state: 'completed',
  dryRun: false,
  retryOf: null,
  counts: { total: 10, pending: 0, created: 6, existing: 1, invalid: 2, duplicate: 1 },
  reasons: [{ outcome: 'invalid', code: 'phone_not_e164', field: 'phone', n: 2 }],
  messages: {
    messages: [{ text: 'list is nearly full', httpStatus: 200, n: 1_200, answers: 1_200, firstBatch: 3 }],
    notKept: 4,
  },
  failure: null,
  durationMs: 12_000,
  requests: { requests: 3, averageLatencyMs: 84.2, events: { delivered: 2, undelivered: 1 } },
  rules: { checked: 10, violations: 2, complianceRatePercent: 80 },
  facts: [['suppressions', '1, an opt-out']],
  sections: [],
  link: 'http://127.0.0.1:8233/namespaces/default/workflows/x',
};

describe('the result of a run', () => {
  it('contains counts that add up to the total', () => {
    const anyCounts = fc.array(fc.nat({ max: 100_000 }), {
      minLength: OUTCOMES.length + 1,
      maxLength: OUTCOMES.length + 1,
    });
    fc.assert(
      fc.property(anyCounts, (parts) => {
        const total = parts.reduce((sum, part) => sum + part, 0);
        const [pending = 0, ...rest] = parts;
        const counts = {
          total,
          pending,
          ...Object.fromEntries(OUTCOMES.map((name, i) => [name, rest[i] ?? 0])),
        } as Counts;
        const lines = renderCounts(counts, colors).split('\n').slice(1);
        const numbers = lines.map((line) =>
          Number(/ ([\d,]+) +[\d.]+ %$/.exec(line)?.[1]?.replaceAll(',', '')),
        );
        expect(numbers.slice(0, -1).reduce((sum, n) => sum + n, 0)).toBe(numbers.at(-1));
        expect(numbers.at(-1)).toBe(total);
      }),
    );
  });

  it('contains the success rate, reasons, latency, events, duration and the link', () => {
    const text = renderRunResult(RESULT, colors);
    for (const phrase of [
      'completed after 12 s',
      'phone_not_e164',
      '70.00 % (7 of 10 records)',
      '3, 84 ms on average',
      '2 delivered, 1 not yet',
      'violations    2 of 10 records, compliance rate 80.00 %',
      'suppressions  1, an opt-out',
      RESULT.link ?? '',
    ]) {
      expect(text).toContain(phrase);
    }
  });

  it('contains what CXone said about no single record, with how often it did', () => {
    const text = renderRunResult(RESULT, colors);
    expect(text).toMatch(/messages of CXone\n.*\n +1,200 +200 +3 +list is nearly full\n +… and 4 more/);
    const none = { ...RESULT, messages: { messages: [], notKept: 0 } };
    expect(renderRunResult(none, colors)).not.toContain('messages of CXone');
  });

  it('wraps long messages of CXone, so that no line is wider than a terminal', () => {
    const text = `${'long words '.repeat(20)}${'x'.repeat(100)}`;
    const long = { text, httpStatus: 409, n: 1_234_567, answers: 9, firstBatch: 12_345 };
    const rendered = renderRunResult({ ...RESULT, messages: { messages: [long], notKept: 0 } }, colors);
    const lines = rendered.split('\n').filter((line) => /long words|xxx|times/.test(line));
    expect(lines.length).toBeGreaterThan(5);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(rendered.replaceAll(/\s+/g, '')).toContain(text.replaceAll(' ', ''));
  });

  it('names the failure of a run', () => {
    const failure = { type: 'CredentialsRefused', message: 'contactlists: 401' };
    expect(renderRunResult({ ...RESULT, state: 'failed', failure }, colors)).toContain(
      'CredentialsRefused: contactlists: 401',
    );
  });

  it('of a dry run states that nothing was written, without a success rate', () => {
    const text = renderRunResult({ ...RESULT, dryRun: true }, colors);
    expect(text).toContain('nothing was written');
    expect(text).not.toContain('success rate');
  });
});

describe('a plan', () => {
  it('contains its hash and target, what is written, and what is not sent and why', () => {
    const plan = {
      hash: '55c82f8c25c9ffec',
      total: 10_000,
      toWrite: 9_711,
      invalid: 241,
      duplicate: 48,
      batches: 98,
      options: { existing: 'update' },
      estimatedSeconds: 6,
      reasons: [{ code: 'consent_too_old', field: 'consentTimestamp', n: 24 }],
      lookups: { requests: 9_700, withoutContactId: 11 },
    };
    const text = renderPlan(plan, 'L1', { withReasons: true });
    for (const phrase of [
      'plan 55c82f8c25c9ffec for L1',
      '9,711  in 98 batches',
      'are updated',
      '6 s at the rate',
      'consent_too_old',
      '9,700 preference lookups',
      '11 records without a contact id',
    ]) {
      expect(text).toContain(phrase);
    }
  });

  it('contains what its operation adds: figures, how the records are spread, and samples', () => {
    const plan = { hash: '55c8', total: 9, toWrite: 5, invalid: 0, duplicate: 1, batches: 1, suppressed: 2 };
    const bars = [
      { label: '0–9', n: 0 },
      { label: '10–19', n: 1 },
      { label: '20–29', n: 1_000 },
    ];
    const details = {
      figures: { facts: [['capacity', '5 → 10 of 20'] as const], histogram: { title: 'scores', bars } },
      samples: [[['phone_number', '+1…01'] as const, ['name', 'A…\u001b'] as const]],
    };
    const text = renderPlan({ ...plan, cancelled: 1 }, 'L1', { withReasons: false, details });
    expect(text.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'plan 55c8 for L1',
      'to write 5 in 1 batch',
      'duplicate 1 not sent: another row takes precedence',
      'suppressed 2 not sent: on a suppression list',
      'cancelled 1 not sent: there is no room for them',
      'total 9',
      'capacity 5 → 10 of 20',
      'scores',
      '0–9 0',
      '10–19 1 ▏',
      `20–29 1,000 ${'█'.repeat(30)}`,
      'the first records, with values hidden',
      expect.stringMatching(/^1 phone_number \+1…01, name A…[^\u001b]*$/) as string,
    ]);
  });
});
