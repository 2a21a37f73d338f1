/** Tokens that are revoked or refused for good, and a failing token endpoint. For expiry see test/cxone/auth.test.ts. */
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { hurry, onStand, type Stand, untilApplied } from './stand.ts';

const RECORDS = { family: 'contactlists' } as const;
const TOKENS = { path: '^/oauth2/token$' } as const;

async function tokenAnswers(stand: Stand): Promise<Readonly<Record<string, number>>> {
  return (await stand.admin.stats()).requests['POST /oauth2/token'] ?? {};
}

describe('tokens', () => {
  const processes = useProcesses();

  it('are renewed once after a revocation, not once for each request', async () => {
    await onStand(processes, { latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '8' } }, async (stand) => {
      await stand.readyWorker();
      const runId = await stand.startImport(10_000);
      for (const applied of [100, 2_500]) {
        await untilApplied(stand, applied);
        await stand.admin.revokeTokens();
      }
      await hurry(stand);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(await tokenAnswers(stand), 'token requests: the first, and one after each revocation').toEqual({
        200: 3,
      });
      const { requests } = await stand.admin.stats();
      const refused = requests['POST /api/v2/contactlists/:listId/records']?.['401'] ?? 0;
      expect(refused, 'refused requests, which were in flight').toBeLessThanOrEqual(2 * 8);
    });
  });

  it('fail the run if CXone keeps refusing them; the run continues when started again after the cause is fixed', async () => {
    const faults = [{ match: RECORDS, after: 10, fault: { status: 401 } }];
    await onStand(processes, { faults, env: { CXFLOW_MAX_IN_FLIGHT: '4' } }, async (stand) => {
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(3_000);
      const failure = await stand.ended(runId).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(WorkflowFailedError);
      const { type, nonRetryable, message } = (failure as WorkflowFailedError).cause as ApplicationFailure;
      expect({ type, nonRetryable }).toEqual({ type: 'CredentialsRefused', nonRetryable: true });
      expect(message).toMatch(/401.*CXONE_CLIENT_ID/);
      const counts = await stand.conserved(runId, { state: 'failed' });
      expect([counts.created, counts.pending > 0]).toEqual([1_000, true]);
      await stand.admin.clearFaults();
      expect(await stand.startImport(3_000), 'run id of the same content').toBe(runId);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(worker.stderr()).toBe('');
    });
  });

  it('delay the run if the token endpoint answers 429 and then 500', async () => {
    const faults = [
      { match: TOKENS, times: 2, fault: { status: 429, retryAfter: 1 } },
      { match: TOKENS, times: 4, fault: { status: 500 } },
    ];
    await onStand(processes, { faults }, async (stand) => {
      await stand.readyWorker();
      const runId = await stand.startImport(1_000);
      const result = await stand.ended(runId);
      await stand.conserved(runId, { result });
      expect(await tokenAnswers(stand)).toEqual({ 429: 2, 500: 4, 200: 1 });
    });
  });
});
