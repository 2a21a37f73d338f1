/** Selection updates under lost answers, kill -9 between read and write, and constant edits by others. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateResult } from '../../src/contract/selection-update.ts';
import { useProcesses } from '../harness/processes.ts';
import { query } from './observe.ts';
import { CHANGE, completed, start } from './selections.ts';
import { onStand, type Stand } from './stand.ts';

const PATCHES = { method: 'PATCH', family: 'outbound' } as const;

const ended = async (stand: Stand, runId: string) =>
  (await stand.ended(runId)) as unknown as SelectionUpdateResult;
const targets = async ({ admin }: Stand, id: string) =>
  (await admin.campaign(id)).campaign?.contactSelection.targetListIds;
const evidence = async (stand: Stand, runId: string) => {
  const { rows } = await query(stand, (db) =>
    sql<{ evidence: string | null }>`
      select o.evidence from outcomes o join runs r using (run_no) where r.run_id = ${runId}`.execute(db),
  );
  return rows[0]?.evidence ?? null;
};
const countPatches = async ({ admin }: Stand) =>
  (await admin.requests()).filter(({ method }) => method === 'PATCH').length;

describe.concurrent('lost answers', () => {
  const processes = useProcesses();
  it('repeat a PATCH only if it was not applied, and keep what others have edited in between', async () => {
    await onStand(processes, {}, async (stand) => {
      const { admin } = stand;
      await stand.readyWorker();
      const once = async (id: string, fault: object) => {
        await admin.setFaults([{ match: { ...PATCHES, path: `/${id}$` }, times: 1, fault }]);
        const before = await countPatches(stand);
        const runId = await start(stand, id);
        const { counts } = await ended(stand, runId);
        expect(counts).toEqual({ total: 1, pending: 0, updated: 1 });
        await stand.conserved(runId);
        return { evidence: await evidence(stand, runId), patches: (await countPatches(stand)) - before };
      };
      expect(await once('lost', { reset: 'after' })).toEqual({
        evidence: 'own_write_lost_answer',
        patches: 1,
      });
      expect(await once('torn', { truncate: true })).toEqual({
        evidence: 'own_write_lost_answer',
        patches: 1,
      });
      expect(await once('unavailable', { status: 503, when: 'after' })).toEqual({
        evidence: 'own_write_lost_answer',
        patches: 1,
      });
      expect(await once('unsent', { reset: 'before' })).toEqual({ evidence: null, patches: 2 });

      // Applied, its answer lost, and somebody else edited the campaign before we read it again.
      await admin.editCampaign('edited', { when: 'after-patch', add: { targetListIds: ['T'] } });
      expect(await once('edited', { reset: 'after' })).toEqual({
        evidence: 'own_write_or_existing',
        patches: 1,
      });
      expect(await targets(stand, 'edited')).toEqual(['L1', 'M', 'T']);

      // Applied, its answer lost, and somebody else undid it before we read it again: the policy decides, nothing is repeated.
      await admin.editCampaign('undone', { when: 'after-patch', remove: CHANGE.add });
      await admin.setFaults([
        { match: { ...PATCHES, path: '/undone$' }, times: 1, fault: { reset: 'after' } },
      ]);
      const before = await countPatches(stand);
      const undone = await start(stand, 'undone', { onConflict: 'theirs' });
      expect((await ended(stand, undone)).counts).toEqual({ total: 1, pending: 0, existing: 1 });
      expect([(await countPatches(stand)) - before, await targets(stand, 'undone')]).toEqual([1, ['L1']]);
      await stand.conserved(undone);

      // Not applied, and somebody else edited the campaign: the payload differs, so it is another write.
      await admin.editCampaign('moved', { when: 'after-get', after: 1, add: { targetListIds: ['T'] } });
      expect(await once('moved', { reset: 'before' })).toEqual({ evidence: null, patches: 2 });
      expect(await targets(stand, 'moved')).toEqual(['L1', 'T', 'M']);
    });
  });
});

for (const [where, crashAt, expected] of [
  ['between the read and the PATCH', 'writeSelection/outbound.updateSelection:1', [null]],
  [
    'between the answer and the settle',
    'writeSelection/selections.settle:1',
    ['own_write_lost_answer', 'own_write_or_existing'],
  ],
] as const) {
  describe.concurrent(`kill -9 ${where}`, () => {
    const processes = useProcesses();
    it('loses nothing, writes once, and keeps what others edited before the next worker started', async () => {
      await onStand(processes, {}, async (stand) => {
        const runId = await start(stand, 'C1');
        const killed = stand.worker({ CXFLOW_CRASH_AT: crashAt });
        expect(await killed.exited).toEqual({ code: null, signal: 'SIGKILL' });
        await stand.admin.editCampaign('C1', { add: { priorityOrder: ['vip'] } });
        await stand.readyWorker();
        expect((await ended(stand, runId)).counts).toEqual({ total: 1, pending: 0, updated: 1 });
        await stand.conserved(runId);
        const writes = (await stand.admin.campaignJournal('C1')).filter(({ action }) => action === 'update');
        expect(writes).toHaveLength(1);
        expect((await stand.admin.campaign('C1')).campaign?.contactSelection).toMatchObject({
          targetListIds: ['L1', 'M'],
          priorityOrder: ['vip'],
        });
        expect(expected).toContain(await evidence(stand, runId));
      });
    });
  });
}

describe.concurrent('concurrent edits', () => {
  const processes = useProcesses();
  it('are never overwritten and end the run with a conflict if they do not stop; concurrent updates are all applied', async () => {
    await onStand(processes, {}, async (stand) => {
      const { admin } = stand;
      await stand.readyWorker();
      await admin.editCampaign('busy', { when: 'after-get', times: null, add: { targetListIds: ['T#'] } });
      const busy = await start(stand, 'busy');
      await expect(stand.client().result(busy)).rejects.toMatchObject({ cause: { type: 'Conflict' } });
      expect((await stand.conserved(busy, { state: 'failed' })).conflict).toBe(1);
      expect(await targets(stand, 'busy')).not.toContain('M');
      // Once the edits stop, the same run continues and keeps all of them.
      await admin.endEdits('busy');
      const edits = (await targets(stand, 'busy')) ?? [];
      expect(await start(stand, 'busy')).toBe(busy);
      await completed(stand, busy);
      expect(await targets(stand, 'busy')).toEqual([...edits, 'M']);
      await stand.conserved(busy);

      // Concurrent updates by two workers.
      await stand.readyWorker();
      const names = Array.from({ length: 6 }, (_, i) => `N${i}`);
      const runs = await Promise.all(
        names.map((name) => start(stand, 'shared', { change: { add: { targetListIds: [name] } } })),
      );
      for (const runId of runs) {
        expect((await ended(stand, runId)).counts).toEqual({ total: 1, pending: 0, updated: 1 });
        await stand.conserved(runId);
      }
      expect([...((await targets(stand, 'shared')) ?? [])].sort()).toEqual(['L1', ...names].sort());
      // Updates of one campaign wait for each other, so none of them collided.
      const statuses = (await admin.stats()).requests['PATCH /api/v2/outbound/campaigns/:campaignId'] ?? {};
      expect(statuses['200']).toBe(7);
      expect(statuses['409']).toBe(8);
    });
  });
});
