/** The metrics that a worker publishes; those of a real one are in scenarios/monitoring.test.ts. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { OpenWork } from '../../src/ledger/open-work.ts';
import { createMonitoring, type MonitoringOptions } from '../../src/worker/monitoring.ts';
import { readMetrics } from '../harness/promql.ts';

const OPEN: OpenWork = {
  runs: [
    { kind: 'contactImport', phase: 'writing', count: 2, longestSeconds: 7 },
    { kind: 'emailSend', phase: 'awaiting_approval', count: 1, longestSeconds: 14_500 },
  ],
  failed: [{ kind: 'contactImport', count: 6 }],
  writesInDoubt: 3,
  undeliveredEvents: 4,
  oldestUndeliveredEventSeconds: 61.5,
  unsealedAuditEntries: 5,
  oldestUnsealedAuditEntrySeconds: 0.2,
  rateBlockSeconds: 7.5,
};

let temporalUrl = '';
const temporal = createServer((_, response) => response.end('# TYPE temporal_x counter\ntemporal_x 1\n'));
beforeAll(async () => {
  await once(temporal.listen(0, '127.0.0.1'), 'listening');
  temporalUrl = `http://127.0.0.1:${(temporal.address() as AddressInfo).port}/metrics`;
});
afterAll(() => temporal.close().closeAllConnections());

function publish(more: Partial<MonitoringOptions> = {}, openWork = () => Promise.resolve(OPEN)) {
  const warnings: { readonly source?: string }[] = [];
  const monitoring = createMonitoring({
    ledger: { openWork, connections: () => ({ busy: 1, idle: 2, waiting: 0 }) },
    tenant: 't',
    temporalUrl,
    log: { warn: (fields: object) => void warnings.push(fields) },
    ...more,
  });
  const lines = async () => (await monitoring.render({ isRunning: true })).text.split('\n');
  return { ...monitoring, lines, warnings };
}

it('publishes what the ledger has, by operation as in the commands', async () => {
  const lines = await publish().lines();
  expect(lines).toEqual(
    expect.arrayContaining([
      'cxflow_runs{operation="contact-import",phase="writing"} 2',
      'cxflow_runs{operation="email-send",phase="awaiting_approval"} 1',
      'cxflow_failed_runs{operation="contact-import"} 6',
      'cxflow_failed_runs{operation="list-load"} 0',
      'cxflow_longest_in_phase_seconds{operation="email-send",phase="awaiting_approval"} 14500',
      'cxflow_writes_in_doubt 3',
      'cxflow_undelivered_events 4',
      'cxflow_oldest_undelivered_event_age_seconds 61.5',
      'cxflow_unsealed_audit_entries 5',
      'cxflow_rate_block_seconds 7.5',
      'cxflow_source_up{source="ledger"} 1',
      'cxflow_source_up{source="temporal"} 1',
      'temporal_x 1',
    ]),
  );
});

it('counts requests by family, method and status, and measures them and the waits for permits', async () => {
  const { onRequest, onPermit, lines } = publish();
  const request = { family: 'email', verb: 'POST', path: '/x', status: 202, latencyMs: 300 } as const;
  onRequest(request);
  onRequest(request);
  onRequest({ ...request, status: null, latencyMs: 20_000 });
  onPermit(1_200);
  const text = await lines();
  expect(text).toEqual(
    expect.arrayContaining([
      'cxflow_cxone_requests_total{family="email",method="POST",status="202"} 2',
      'cxflow_cxone_requests_total{family="email",method="POST",status="none"} 1',
      'cxflow_cxone_request_duration_seconds_bucket{le="0.5",family="email"} 2',
      'cxflow_cxone_request_duration_seconds_sum{family="email"} 20.6',
      'cxflow_rate_budget_wait_seconds_sum 1.2',
      'cxflow_database_connections{state="idle"} 2',
      'cxflow_worker_running 1',
    ]),
  );
});

it('leaves the ledger out rather than publishing what it had, if it fails or is too slow, and logs it once', async () => {
  const never = () => new Promise<OpenWork>(() => undefined);
  for (const openWork of [() => Promise.reject(new Error('down')), never]) {
    const { lines, warnings } = publish({ timeoutMs: 50 }, openWork);
    await lines();
    const text = await lines();
    expect(text).toContain('cxflow_source_up{source="ledger"} 0');
    expect(text).toContain('cxflow_worker_running 1');
    expect(text.filter((line) => /cxflow_(runs|writes_in_doubt)/.test(line))).toEqual([]);
    // On a busy machine Temporal may be too slow for this timeout as well.
    expect(warnings.filter(({ source }) => source === 'ledger')).toHaveLength(1);
  }
});

it('counts the records that an activity has settled, and none that another worker has', async () => {
  const { counting, lines } = publish();
  const settle = vi.fn().mockResolvedValueOnce(true).mockResolvedValueOnce(false);
  const settleSelection = vi.fn().mockResolvedValue(true);
  const ledger = counting({
    writes: { settle },
    selections: { settle: settleSelection },
  } as unknown as Ledger);
  const environment = new MockActivityEnvironment({ workflowType: 'listLoad' });
  await environment.run(async () => {
    const groups = [
      { outcome: 'created', seqs: [1, 2, 3] },
      { outcome: 'rejected', seqs: [4] },
    ];
    await ledger.writes.settle({ groups } as never);
    await ledger.writes.settle({ groups } as never);
    await ledger.selections.settle({ outcome: 'updated' } as never);
    await ledger.selections.settle({ outcome: 'outdated' } as never);
  });
  const text = await lines();
  expect(text).toEqual(
    expect.arrayContaining([
      'cxflow_records_total{operation="list-load",outcome="created"} 3',
      'cxflow_records_total{operation="list-load",outcome="rejected"} 1',
      'cxflow_records_total{operation="list-load",outcome="updated"} 1',
      'cxflow_records_total{operation="list-load",outcome="conflict"} 0',
    ]),
  );
});

it('leaves out what Temporal does not publish', async () => {
  const lines = await publish({ temporalUrl: 'http://127.0.0.1:1/metrics' }).lines();
  expect(lines).toContain('cxflow_source_up{source="temporal"} 0');
});

it.each([
  ['answers', () => Promise.resolve(OPEN)],
  ['fails', () => Promise.reject(new Error('down'))],
])('reads the ledger once for questions that come soon after each other, if it %s', async (_, openWork) => {
  const read = vi.fn(openWork);
  const { lines } = publish({}, read);
  await lines();
  await Promise.all([lines(), lines()]);
  expect(read).toHaveBeenCalledTimes(1);
});

it('publishes exactly the metrics of the table in docs/operations.md', async () => {
  const { render } = publish();
  const published = [...readMetrics((await render({ isRunning: true })).text).keys()].filter((name) =>
    name.startsWith('cxflow_'),
  );
  const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const documented = [...page.matchAll(/^\| `(cxflow_\w+)` \|/gm)].map(([, name]) => name);
  expect(documented.toSorted()).toEqual(published.toSorted());
});

it("follows Prometheus's conventions: only counters end in _total", async () => {
  const { render } = publish();
  const wrong = [...readMetrics((await render({ isRunning: true })).text)].filter(
    ([name, type]) => (type === 'counter') !== name.endsWith('_total') && !name.startsWith('temporal_'),
  );
  expect(wrong).toEqual([]);
});
