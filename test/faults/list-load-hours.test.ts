/** A list load waits for calling hours: through the end of its worker, and with everything checked again. */
import { describe, expect, it } from 'vitest';
import type { ListLoadInput, ListLoadResult } from '../../src/contract/list-load.ts';
import { useProcesses } from '../harness/processes.ts';
import { findZone, hoursFrom, nextMinute } from './calling-hours.ts';
import { onStand, type Stand, until } from './stand.ts';

const person = (n: number, areaCode: string, more: object = {}) => ({
  contact_id: `p-${n}`,
  phone_number: `+1${areaCode}555${1_000 + n}`,
  ...more,
});

async function start(stand: Stand, rows: readonly object[], input: Partial<ListLoadInput>): Promise<string> {
  const { source } = await stand.client().stageRows(rows as never);
  const { runId } = await stand.client().startListLoad({ listId: 'L1', campaignId: 'C1', source, ...input });
  return runId;
}

const loadedAt = async ({ admin }: Stand) =>
  new Map(
    (await admin.itemJournal('L1')).map(({ item, at }) => [item.deduplicationKeys[0]?.value, Date.parse(at)]),
  );

describe('a list load with calling hours', () => {
  const processes = useProcesses();

  it('loads the others at once, and those outside their hours when these begin; who objects meanwhile is not loaded', async () => {
    // So that CXone's list is read again before each batch.
    await onStand(processes, { env: { CXFLOW_SUPPRESSIONS_MAX_AGE: '0' } }, async (stand) => {
      const worker = await stand.readyWorker();
      const { zone, timeAt } = findZone(Date.now());
      const [here, there, objecting] = [
        person(1, '212'),
        ...[2, 3].map((n) => person(n, '415', { time_zone: zone })),
      ];
      const opens = nextMinute();
      const callingHours = hoursFrom(timeAt(opens));
      const runId = await start(stand, [here, there, objecting] as object[], { callingHours });
      const { waitingFor } = await until(
        () => stand.client().progress(runId),
        (now) => now.waitingFor !== null || now.phase === 'done',
      );
      // Null on a machine so slow that the hours have begun already.
      if (waitingFor !== null) expect(waitingFor).toContain(new Date(opens).toISOString());
      const suppressed = waitingFor === null ? 0 : 1;
      await stand.admin.seedSuppressions({ entries: [{ phoneNumber: objecting?.phone_number }] });
      await worker.kill();
      await stand.readyWorker();
      const result = await stand.client().result<ListLoadResult>(runId);
      await stand.conserved(runId, { result });
      expect(result).toMatchObject({ state: 'completed', counts: { pending: 0, created: 3 - suppressed } });
      expect(result.counts.suppressed ?? 0).toBe(suppressed);
      expect((await loadedAt(stand)).get(there?.phone_number)).toBeGreaterThanOrEqual(opens);
    });
  });

  it('waits for a decision about people who may be anywhere, and ends when it is cancelled', async () => {
    await onStand(processes, {}, async (stand) => {
      await stand.readyWorker();
      const rows = [person(1, '212'), person(2, '415', { time_zone: 'PST' })];
      const runId = await start(stand, rows, { callingHours: hoursFrom('00:00') });
      const { waitingFor } = await until(
        () => stand.client().progress(runId),
        (now) => now.waitingFor !== null,
      );
      expect(waitingFor).toMatch(/^a decision about 1 record/);
      await stand.client().decide(runId, { action: 'cancel', by: 'dana' });
      const result = await stand.client().result<ListLoadResult>(runId);
      expect(result).toMatchObject({ state: 'cancelled', counts: { created: 1, cancelled: 1, pending: 0 } });
      await stand.conserved(runId, { result, state: 'cancelled' });
    });
  });

  it('rejects them if its input says so', async () => {
    await onStand(processes, {}, async (stand) => {
      await stand.readyWorker();
      const { zone, timeAt } = findZone(Date.now());
      const inAnHour = timeAt(Date.now() + 60 * 60_000);
      const rows = [
        person(1, '212'),
        person(2, '415', { time_zone: zone }),
        person(3, '415', { time_zone: 'PST' }),
        person(4, '415', { time_zone: 'America/Los Angeles' }),
      ];
      const runId = await start(stand, rows, { callingHours: hoursFrom(inAnHour), outsideHours: 'reject' });
      const result = await stand.client().result<ListLoadResult>(runId);
      expect(result).toMatchObject({ state: 'completed', counts: { created: 1, rejected: 2, invalid: 1 } });
      await stand.conserved(runId, { result });
      const reasons = await stand
        .client()
        .ledger.records.countReasons((await stand.client().ledger.runs.get(runId)).run_no);
      expect(reasons.map(({ code }) => code).toSorted()).toEqual([
        'outside_calling_hours',
        'time_zone_invalid',
        'time_zone_unknown',
      ]);
    });
  });
});
