import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { LATEST_TIMESTAMP } from '../../src/domain/timestamps.ts';
import { eventually } from '../harness/wait.ts';
import { runImport, settledPage, stubActivities, useShortHistories, waitForPhase } from './harness.ts';

const server = useShortHistories(25);

describe.concurrent('a run whose history becomes too long', () => {
  it('does not lose a decision: a write to be sent again is sent after the run has continued as new', async () => {
    let inDoubt = true;
    let resent = false;
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      listInDoubt: () =>
        inDoubt ? [{ id: '7', batch: 1, records: 100, sentAt: null, knownSent: true, resent: false }] : [],
      resolveInDoubt: () => {
        inDoubt = false;
        resent = true;
        return 1;
      },
      writePage: () => settledPage({ total: 100, pending: 0, created: 100 }),
    });
    await runImport(server(), stubs, {}, async (handle) => {
      await waitForPhase(stubs, 'in_doubt');
      // Decisions that change nothing, to fill the history.
      for (let n = 0; n < 5; n += 1) await handle.signal('resume', { by: 'dana' });
      await eventually(() => expect(stubs.named('recordRefusal')).toHaveLength(5));
      const pagesBefore = stubs.named('writePage').length;
      await handle.executeUpdate('decide', { args: [{ action: 'resolve', verdict: 'resend', by: 'dana' }] });
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      expect(resent).toBe(true);
      expect(stubs.named('writePage').length).toBeGreaterThan(pagesBefore);
    });
  });

  it('continues as new between decisions about single writes in doubt, and loses none', async () => {
    const DECISIONS = 24;
    const refused: unknown[] = [];
    const open = new Set(Array.from({ length: DECISIONS }, (_, n) => String(n + 1)));
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      listInDoubt: () =>
        [...open].map((id) => ({ id, batch: 1, records: 100, sentAt: null, knownSent: true, resent: false })),
      resolveInDoubt: ({ decision: { writeId = '' } }) => Number(open.delete(writeId)),
      writePage: () => settledPage({ total: 100, pending: 0, created: 100 }),
    });
    await runImport(server(), stubs, {}, async (handle) => {
      await waitForPhase(stubs, 'in_doubt');
      for (const writeId of [...open]) {
        const decision = { action: 'resolve', verdict: 'leave', by: 'dana', writeId };
        // While a run goes on in a new history, Temporal may refuse an update. The run refuses none.
        await eventually(() =>
          handle.executeUpdate('decide', { args: [decision] }).catch((error: unknown) => {
            if (error instanceof WorkflowUpdateFailedError) refused.push(error.cause);
            throw error;
          }),
        );
      }
      expect(refused).toEqual([]);
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      // One execution would have twelve events for each decision. A busy machine leaves a few to one execution.
      expect((await handle.describe()).historyLength).toBeLessThan(5 * DECISIONS);
    });
    expect(stubs.named('resolveInDoubt')).toHaveLength(DECISIONS);
  });

  it('keeps waiting for writes that were left for later', async () => {
    let pages = 0;
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      writePage: () => {
        pages += 1;
        return { ...settledPage({ total: 100, pending: 100 }), notBefore: LATEST_TIMESTAMP };
      },
    });
    await runImport(server(), stubs, {}, async (handle) => {
      const first = (await handle.describe()).runId;
      // Decisions that change nothing, to fill the history.
      await eventually(async () => {
        await handle.signal('resume', { by: 'dana' });
        expect((await handle.describe()).runId).not.toBe(first);
      });
      await eventually(() => handle.executeUpdate('decide', { args: [{ action: 'cancel', by: 'dana' }] }));
      expect(await handle.result()).toMatchObject({ state: 'cancelled' });
    });
    // Only the first execution: the next one goes on with the wait.
    expect(pages).toBe(1);
  });

  it('continues as new between the attempts of a single page', async () => {
    let attempts = 0;
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      writePage: () =>
        (attempts += 1) < 10
          ? { counts: { total: 100, pending: 100 }, left: 1, waitMs: 10, halted: null }
          : settledPage({ total: 100, pending: 0, created: 100 }),
    });
    await runImport(server(), stubs, {}, async (handle) => {
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      expect((await handle.describe()).historyLength).toBeLessThan(45);
    });
    expect(attempts).toBe(10);
  });
});
