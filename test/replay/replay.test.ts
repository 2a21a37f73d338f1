import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import * as workflows from '../../src/workflows/index.ts';
import { HISTORIES } from './recording/histories.ts';
import { SCENARIOS } from './recording/scenarios.ts';

const recorded = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));
const read = (name: string): { events: Record<string, unknown>[] } =>
  JSON.parse(readFileSync(join(HISTORIES, name), 'utf8')) as { events: Record<string, unknown>[] };

interface Started {
  readonly workflowType: { readonly name: string };
}
const startOf = ({ events }: ReturnType<typeof read>): Started =>
  events[0]?.workflowExecutionStartedEventAttributes as Started;

describe('recorded histories', () => {
  let workflowBundle: WorkflowBundle;

  beforeAll(async () => {
    const logger = new DefaultLogger('ERROR');
    Runtime.install({ logger, telemetryOptions: { logging: { filter: 'OFF' } } });
    const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
    workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  });

  const replay = (history: unknown) => Worker.runReplayHistory({ workflowBundle }, historyFromJSON(history));

  it('exist for every workflow and for every scenario', () => {
    const types = recorded.map((name) => startOf(read(name)).workflowType.name);
    expect(new Set(types)).toEqual(new Set(Object.keys(workflows)));
    expect(SCENARIOS.map(({ name }) => name).filter((name) => !recorded.includes(`${name}.json`))).toEqual(
      [],
    );
  });

  it('have several files for a run that continued as new', () => {
    const continuing = SCENARIOS.filter(({ continuesAsNew }) => continuesAsNew === true);
    for (const { name } of continuing) expect(recorded).toContain(`${name}-2.json`);
  });

  it.each(recorded)('%s replays without non-determinism', async (name) => {
    await replay(read(name));
  });

  it.each(Object.keys(workflows))('do not replay if a %s calls another activity at its end', async (type) => {
    const name = recorded.find((each) => startOf(read(each)).workflowType.name === type);
    const history = read(name ?? '');
    const last = history.events.findLast(({ activityTaskScheduledEventAttributes: it }) => it !== undefined);
    const scheduled = last?.activityTaskScheduledEventAttributes as { activityType: { name: string } };
    scheduled.activityType.name = 'anotherActivity';
    await expect(replay(history)).rejects.toThrow(/[Nn]ondeterminism/);
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
