/** The same start twice, at once or later: one run, written once (decisions.md 1). */
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import type { Started } from '../../src/client.ts';
import { useProcesses } from '../harness/processes.ts';
import { LIST, onStand, type Stand } from './stand.ts';

const processes = useProcesses();
const CLIENT = fileURLToPath(new URL('../../dist/client.js', import.meta.url));

/** A process of its own that stages the file and starts the import, as a service does it. */
function starter(stand: Stand, path: string) {
  const code = `
    const { connect } = await import(${JSON.stringify(CLIENT)});
    const client = await connect({ databaseUrl: process.env.DATABASE_URL });
    const { source } = await client.stageFile(${JSON.stringify(path)});
    const told = new Promise((go) => process.once('SIGUSR2', go));
    console.log('ready');
    await told;
    const started = await client.startContactImport({ listId: ${JSON.stringify(LIST)}, source });
    console.log(JSON.stringify(started));
    await client.close();`;
  const child = processes.run(process.execPath, ['--input-type=module', '-e', code], { env: stand.env });
  return {
    ready: () => child.waitFor(/ready/),
    go: () => process.kill(child.pid, 'SIGUSR2'),
    async started(): Promise<Started> {
      const [line] = await child.waitFor(/\{.*\}/);
      await child.exited;
      return JSON.parse(line) as Started;
    },
  };
}

it('the same file started by three processes at once is one run, written once', async () => {
  await onStand(processes, {}, async (stand) => {
    const path = join(stand.folder, 'contacts.csv');
    await writeDemoContacts({ path, rows: 2_000 });
    await stand.readyWorker();
    const starters = [1, 2, 3].map(() => starter(stand, path));
    await Promise.all(starters.map((each) => each.ready()));
    for (const each of starters) each.go();
    const started = await Promise.all(starters.map((each) => each.started()));
    expect(new Set(started.map(({ runId }) => runId)).size).toBe(1);
    expect(started.filter(({ status }) => status === 'started')).toHaveLength(1);
    const runId = started[0]?.runId ?? '';
    const result = await stand.ended(runId);
    await stand.conserved(runId, { result });
    // And once more when it has ended: nothing is written, the old result is told.
    const again = await stand.startImport(2_000);
    expect(again).toBe(runId);
    await stand.conserved(runId, { result });
  });
});

it('the same content under three run ids at once: one writes, the others end at once and name it', async () => {
  await onStand(processes, {}, async (stand) => {
    await stand.readyWorker();
    const path = join(stand.folder, 'contacts.csv');
    await writeDemoContacts({ path, rows: 2_000 });
    const { source } = await stand.client().stageFile(path);
    const start = (runId: string) => stand.client().startContactImport({ listId: LIST, source }, { runId });
    const runIds = ['one', 'two', 'three'];
    await Promise.all(runIds.map(start));
    const ends = await Promise.allSettled(runIds.map((runId) => stand.ended(runId)));
    const winners = runIds.filter((_, index) => ends[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const [winner = ''] = winners;
    await start('later');
    for (const runId of [...runIds.filter((each) => each !== winner), 'later']) {
      await isAlreadyRun(stand, runId, winner);
    }
    await stand.conserved(winner);
  });
});

async function isAlreadyRun(stand: Stand, runId: string, first: string): Promise<void> {
  const failure = await stand.ended(runId).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  const { type, nonRetryable, message } = (failure as WorkflowFailedError).cause as ApplicationFailure;
  expect({ type, nonRetryable }).toEqual({ type: 'AlreadyRun', nonRetryable: true });
  expect(message).toContain(`run ${first} has written the same content`);
}
