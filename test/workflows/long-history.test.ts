import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ownTemporal } from '../harness/servers.ts';
import { phase, play, settledPage, type Stage, stubActivities, useRealServer } from './stubs.ts';

const stage = useRealServer();

/** A server that suggests to continue as new after 25 events. */
async function shortHistories(): Promise<Stage> {
  const server = await ownTemporal(['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=25']);
  const connection = await NativeConnection.connect({ address: server.current().address });
  onTestFinished(() => connection.close());
  const client = new Client({ connection, namespace: 'default' });
  return { ...stage(), client, connection, namespace: 'default' };
}

describe('a history that grew long', () => {
  it('does not swallow the word of an operator: what is resent is written in a new history', async () => {
    let inDoubt = true;
    let resent = false;
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      listInDoubt: () => (inDoubt ? [{ id: '7', batch: 1, records: 100, sentAt: null, resent: false }] : []),
      resolveInDoubt: () => {
        inDoubt = false;
        resent = true;
        return 1;
      },
      writePage: () => settledPage({ total: 100, pending: 0, created: 100 }),
    });
    await play(await shortHistories(), stubs, {}, async (handle) => {
      await phase(stubs, 'in_doubt');
      // Words that change nothing, but fill the history.
      for (let n = 0; n < 5; n += 1) await handle.signal('resume', { by: 'dana' });
      await vi.waitFor(() => expect(stubs.named('recordRefusal')).toHaveLength(5), 10_000);
      const pagesBefore = stubs.named('writePage').length;
      await handle.executeUpdate('decide', { args: [{ action: 'resolve', verdict: 'resend', by: 'dana' }] });
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      expect(resent).toBe(true);
      expect(stubs.named('writePage').length).toBeGreaterThan(pagesBefore);
    });
  });

  it('does not grow by a page that needs many passes', async () => {
    let passes = 0;
    const stubs = stubActivities({
      planned: { batches: 1, toWrite: 100 },
      writePage: () =>
        (passes += 1) < 10
          ? { counts: { total: 100, pending: 100 }, left: 1, waitMs: 10, halted: null }
          : settledPage({ total: 100, pending: 0, created: 100 }),
    });
    await play(await shortHistories(), stubs, {}, async (handle) => {
      expect(await handle.result()).toMatchObject({ state: 'completed' });
      expect((await handle.describe()).historyLength).toBeLessThan(45);
    });
    expect(passes).toBe(10);
  });
});
