import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';

const HISTORIES = join(import.meta.dirname, 'histories');
const recorded = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));
const read = (name: string): { events: Record<string, unknown>[] } =>
  JSON.parse(readFileSync(join(HISTORIES, name), 'utf8')) as { events: Record<string, unknown>[] };

describe('recorded histories', () => {
  let workflowBundle: WorkflowBundle;

  beforeAll(async () => {
    const logger = new DefaultLogger('ERROR');
    Runtime.install({ logger, telemetryOptions: { logging: { filter: 'OFF' } } });
    const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
    workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  });

  const replay = (history: unknown) => Worker.runReplayHistory({ workflowBundle }, historyFromJSON(history));

  it('exist', () => {
    expect(recorded.length).toBeGreaterThan(0);
  });

  it.each(recorded)('%s replays without non-determinism', async (name) => {
    await replay(read(name));
  });

  it('a history with other activities does not replay', async () => {
    const history = read(recorded[0] ?? '');
    const staged = JSON.stringify(history).replaceAll('"stageRecords"', '"deleteRecords"');
    await expect(replay(JSON.parse(staged))).rejects.toThrow(/[Nn]ondeterminism/);
  });

  it.each(recorded)('%s contains no machine name and no personal data', (name) => {
    const text = readFileSync(join(HISTORIES, name), 'utf8');
    const decoded = [...text.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
      Buffer.from(data ?? '', 'base64').toString(),
    );
    const personal = /\/(?:root|home|Users|work)\/|@vm|\+1\d{10}|@example/;
    expect([text, ...decoded].filter((place) => personal.test(place)).length).toBe(0);
  });
});
