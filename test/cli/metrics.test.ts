/** `cxflow metrics`, with a fake ledger. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseSince } from '../../src/cli/actions/since.ts';
import { stemOf } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { OPERATIONS } from '../../src/contract/operations.ts';
import type { MeasuredRun, MetricsScope, OperationMeasures } from '../../src/ledger/runs/metrics.ts';
import { fakeCli, sink } from './fakes.ts';

const imports: OperationMeasures = {
  ...{ kind: 'contactImport', runs: 8, running: 1, failed: 1, records: 12_400, checked: 12_400 },
  ...{ outcomes: { created: 12_000, invalid: 120, rejected: 280 }, violations: 120 },
  ...{ requests: 124, latencyMs: 10_416, latencies: { 80: 100, 100: 24 } },
};
const preferences: OperationMeasures = {
  ...{ kind: 'preferenceUpdate', runs: 2, running: 0, failed: 0, records: 204, checked: 204 },
  ...{ outcomes: { updated: 201, invalid: 3 }, violations: 3 },
  ...{ requests: 4, latencyMs: 1_600, latencies: { 400: 4 } },
};
const unread: OperationMeasures = {
  ...{ kind: 'selectionUpdate', runs: 1, running: 0, failed: 1, records: 0, checked: 0 },
  ...{ outcomes: {}, violations: 0, requests: 0, latencyMs: 0, latencies: {} },
};
const logged = (n: number): MeasuredRun => ({
  ...{ ...imports, records: 1_000 + n, runId: `contact-import:L1:${'0123456789abcdef'}${n}` },
  ...{ target: 'L1', state: 'completed', phase: 'done', startedAt: new Date(2026, 10, 28, 14, 5, n) },
});

interface Asked {
  readonly scope: MetricsScope;
  readonly limit?: number;
}

function metricsCli(operations: readonly OperationMeasures[], overrides: Parameters<typeof fakeCli>[1] = {}) {
  const asked: Asked[] = [];
  const metrics = {
    byOperation(scope: MetricsScope) {
      asked.push({ scope });
      return Promise.resolve(operations);
    },
    log(scope: MetricsScope, limit: number) {
      asked.push({ scope, limit });
      const runs = operations.reduce((sum, each) => sum + each.runs, 0);
      return Promise.resolve(Array.from({ length: Math.min(limit, runs) }, (_, n) => logged(n)));
    },
  };
  return { asked, cli: fakeCli({ ledger: { metrics } } as never, overrides) };
}

async function print(operations: readonly OperationMeasures[], args: readonly string[] = [], width = 80) {
  const { stream, text } = sink({ isTTY: true, columns: width });
  const { cli, asked } = metricsCli(operations);
  expect(await run(['metrics', ...args], { ...cli, env: { NO_COLOR: '1' }, stdout: stream })).toBe(0);
  return { text: text(), asked };
}

describe('on the terminal', () => {
  it('each operation has a line and all have a total, in 80 columns', async () => {
    const { text } = await print([imports, preferences, unread]);
    expect(text).toMatch(/^11 runs, 1 still running\n/);
    expect(text).toMatch(/contact import +8 +1 +12,400 +96\.77 % +120 +99\.03 %/);
    expect(text).toMatch(/preference update +2 +0 +204 +98\.53 % +3 +98\.53 %/);
    expect(text).toMatch(/selection update +1 +1 +0 +– +0 +–\n/);
    expect(text).toMatch(/total +11 +2 +12,604 +96\.80 % +123 +99\.02 %/);
    expect(text).toMatch(/contact import +124 +84 ms +80 ms +100 ms +█{4}░\n/);
    expect(text).toMatch(/preference update +4 +400 ms +400 ms +400 ms +█{20}\n/);
    expect(text).toMatch(/selection update +0 +– +– +–\n/);
    // Together with the prompt it fits on a screen of 24 lines.
    expect(text.trimEnd().split('\n').length).toBeLessThan(24);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('the log has one line for each run, with the ids below if the terminal is too narrow', async () => {
    const { text: wide } = await print([imports], ['--limit', '2'], 160);
    expect(wide).toMatch(
      /2026-11-28 14:05:00 +contact import +completed +1,000 +120 +84 ms +contact-import:L1:/,
    );
    expect(wide).toContain('… and 6 earlier runs (--limit)');
    const { text, asked } = await print([imports]);
    expect(text).toMatch(
      /2026-11-28 14:05:00 +contact import +completed +1,000 +120 +84 ms\n +contact-import:L1:/,
    );
    expect(asked.at(-1)?.limit).toBe(3);
    expect(text).not.toMatch(/^ +total/m);
  });

  it('an empty result explains itself', async () => {
    expect((await print([])).text).toMatch(/^no runs yet, dry runs aside; `cxflow --help` lists/);
    const args = ['--since', '30d', '--operation', 'preference-update'];
    const { text, asked } = await print([], args);
    expect(text).toMatch(/^no preference update runs since .*; without --since, all runs count/);
    expect(asked[0]?.scope.kind).toBe('preferenceUpdate');
  });
});

describe('as JSON', () => {
  it('has the figures, and null where there is nothing to divide by', async () => {
    const { cli } = metricsCli([imports, unread]);
    expect(await run(['metrics', '--json', '--limit', '1'], cli)).toBe(0);
    expect(JSON.parse(cli.out())).toMatchObject({
      since: null,
      operation: null,
      total: {
        runs: 9,
        violations: 120,
        complianceRatePercent: 99.03,
        averageLatencyMs: 84,
        p95LatencyMs: 100,
      },
      operations: [
        { operation: 'contactImport', successes: 12_000, successRatePercent: 96.77, p50LatencyMs: 80 },
        {
          operation: 'selectionUpdate',
          complianceRatePercent: null,
          averageLatencyMs: null,
          p95LatencyMs: null,
        },
      ],
      log: [{ operation: 'contactImport', records: 1_000, violations: 120, averageLatencyMs: 84 }],
    });
  });
});

describe('as an HTML file', () => {
  it('has the same figures, and loads nothing', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'cxflow-metrics-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const { cli } = metricsCli([imports, preferences, unread], { cwd });
    expect(await run(['metrics', '--html', '--limit', '2'], cli)).toBe(0);
    expect(cli.out()).toContain(`metrics → ${join(cwd, 'cxflow-metrics.html')}`);
    const page = await readFile(join(cwd, 'cxflow-metrics.html'), 'utf8');
    const text = page
      .replace(/<style>[^]*<\/style>/, '')
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');
    for (const phrase of [
      '123 violations',
      '99.02 % compliance rate',
      'contact import 8 1 12,400 96.77 % 120 99.03 %',
      'selection update 1 1 0 – 0 –',
      'contact import 124 84 ms 80 ms 100 ms',
      'selection update 0 – – –',
      '2 runs first, 9 earlier ones left out',
    ])
      expect(text).toContain(phrase);
    expect(page).not.toMatch(/NaN|undefined|null|<script|<link|<img|url\(|\ssrc=/);
  });

  it('can be written without any runs', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'cxflow-metrics-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const { cli } = metricsCli([], { cwd });
    expect(await run(['metrics', '--html', 'none.html'], cli)).toBe(0);
    expect(await readFile(join(cwd, 'none.html'), 'utf8')).toContain('There are no runs.');
  });
});

describe('--since', () => {
  const now = new Date('2026-11-29T12:00:00Z');

  it('is a date in UTC or a duration', () => {
    const iso = (text: string) => parseSince(text, now).toISOString();
    expect(iso('2026-11-01')).toBe('2026-11-01T00:00:00.000Z');
    expect(iso('2026-11-01T08:00:00+01:00')).toBe('2026-11-01T07:00:00.000Z');
    expect(iso('30d')).toBe('2026-10-30T12:00:00.000Z');
    expect(iso('2 weeks')).toBe('2026-11-15T12:00:00.000Z');
  });

  it.each(['yesterday', '2026-02-30', '2026-11-01T08:00:00', '30', '-3d', '', '9999999d', '2026-11-30'])(
    'refuses %j and says what is accepted',
    async (text) => {
      const { cli } = metricsCli([imports]);
      const accepts = text === '2026-11-30' ? /must not be in the future/ : /a date such as 2026-11-01 .*30d/;
      expect(() => parseSince(text, now)).toThrow(accepts);
      if (text !== '2026-11-30') expect(await run(['metrics', `--since=${text}`], cli)).toBe(2);
    },
  );
});

it('--operation accepts the operations of the registry, as their run ids begin', async () => {
  for (const { kind, stem } of Object.values(OPERATIONS)) expect(stemOf(kind)).toBe(stem);
  const { cli } = metricsCli([imports]);
  expect(await run(['metrics', '--operation', 'imports'], cli)).toBe(2);
  for (const { stem } of Object.values(OPERATIONS)) expect(cli.err()).toContain(stem);
  expect(await run(['metrics', '--limit', 'many'], cli)).toBe(2);
  expect(cli.err()).toContain('a whole number from 1 to 10000');
});
