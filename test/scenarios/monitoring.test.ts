/** What Prometheus reads from a worker: the figures of a real run, nothing about a person, and all that alerts and dashboard need. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { freePort } from '../../src/stack/ports.ts';
import { familyOf, metricsIn, readMetrics } from '../harness/promql.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { type Stand, until, useStand } from './stand.ts';

const onStand = useStand();
const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly runbook: string };
    }[];
  }[];
}
const ALERTS = (parse(read('examples/monitoring/alerts.yml')) as Rules).groups.flatMap(({ rules }) => rules);

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}
const DASHBOARD = JSON.parse(read('examples/monitoring/dashboard.json')) as Dashboard;

const CANARY = 'Zyzzyva';

/** Replaces the worker of the stand with one that has a port. */
async function startMonitoredWorker({ worker, start }: Stand) {
  await worker.terminate();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const monitored = start(['worker', '--health-port', String(port)], { CXFLOW_RATE_PER_MINUTE: '60000' });
  await monitored.waitFor(/worker is ready/);
  return { worker: monitored, ask: (path: string) => fetch(url + path) };
}

it('publishes the figures of a run, and every metric that an alert or a panel reads', async () => {
  await onStand({}, async (stand) => {
    const { worker, ask } = await startMonitoredWorker(stand);
    stand.file('contacts.csv', csv([...rows(1, 500), rowAt(501, { firstName: CANARY, phone: '123' })]));
    const args = ['contacts', 'import', 'contacts.csv', '--list', 'L-monitored'];
    const { document } = await stand.json<ContactImportResult>(args);
    expect(document.counts).toEqual({ total: 501, pending: 0, created: 500, invalid: 1 });

    const response = await ask('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const lines = text.split('\n');
    expect(lines).toContain('cxflow_records_total{operation="contact-import",outcome="created"} 500');
    const requests = (await stand.admin.requests()).filter(({ path }) => path.includes('/contactlists/'));
    const name = 'cxflow_cxone_requests_total{family="contactlists",method="POST",status="200"}';
    const [, counted] = lines.find((line) => line.startsWith(name))?.split('} ') ?? [];
    expect(lines).not.toContain('cxflow_rate_budget_wait_seconds_count 0');
    // And those for tokens.
    expect(Number(counted)).toBeGreaterThanOrEqual(requests.length);
    const { contactId, firstName, phone } = rowAt(7);
    for (const canary of [CANARY, contactId, firstName, phone, 'L-monitored', 'not-a-secret', document.runId])
      expect(text).not.toContain(canary);

    const metrics = readMetrics(text);
    const expressions = [
      ...ALERTS.map(({ alert, expr }) => ({ from: alert, expr })),
      ...DASHBOARD.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ from: title, expr }))),
    ];
    const missing = expressions.flatMap(({ from, expr }) =>
      metricsIn(expr)
        .filter((metric) => !metrics.has(familyOf(metric, metrics)))
        .map((metric) => `${from}: ${metric}`),
    );
    expect(missing).toEqual([]);

    await worker.terminate();
    await expect(ask('/livez')).rejects.toThrow();
  });
});

it.each([
  ['sum by (a) (rate(x_total{b=~"5.."}[5m])) / max(y)', ['x_total', 'y']],
  ['histogram_quantile(0.95, sum by (le) (rate(z_bucket[5m])))', ['z_bucket']],
])('reads the metrics of %s', (expression, metrics) => {
  expect(metricsIn(expression)).toEqual(metrics);
});

it.each(['sum(x', 'vector(1)'])('refuses %s', (expression) => {
  expect(() => metricsIn(expression)).toThrow(expression);
});

it('every alert has a section that explains it, and every section an alert', () => {
  const sections = [...read('docs/operations.md').matchAll(/^### (Cxflow\w+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(ALERTS.map(({ alert }) => alert));
  for (const { alert, annotations } of ALERTS)
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
});

it('is alive but not ready while it waits for Temporal', async () => {
  await onStand({}, async ({ start }) => {
    const port = await freePort();
    const worker = start(['worker', '--health-port', String(port)], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    await until(
      () => statusOf('/livez').catch(() => null),
      (status) => status === 200,
    );
    expect(await statusOf('/readyz')).toBe(503);
    expect(await statusOf('/metrics')).toBe(200);
    await worker.terminate();
  });
});
