/** The same content is written once, however often and whenever it is started (docs/adr/0012-run-identity.md). */
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { writeDemoContacts } from '../../src/cli/dev/demo-contacts.ts';
import { useProcesses } from '../harness/processes.ts';
import { LIST, onStand, type Stand } from './stand.ts';

const processes = useProcesses();

it('writes content once that is started under several run ids; the other runs fail at once and name the first', async () => {
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
    for (const runId of runIds.filter((each) => each !== winner))
      await expectAlreadyRun(
        stand,
        runId,
        new RegExp(`run ${winner} (is under way with|has written) the same`),
      );
    await expectAlreadyRun(stand, 'later', new RegExp(`run ${winner} has written the same content`));
    await stand.conserved(winner);
  });
});

async function expectAlreadyRun(stand: Stand, runId: string, expected: RegExp): Promise<void> {
  const failure = await stand.ended(runId).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  const { type, nonRetryable, message } = (failure as WorkflowFailedError).cause as ApplicationFailure;
  expect({ type, nonRetryable }).toEqual({ type: 'AlreadyRun', nonRetryable: true });
  expect(message).toMatch(expected);
}
