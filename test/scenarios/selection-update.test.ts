/** Selection updates with the command line, a worker, and a simulated tenant in which others edit the same campaigns. */
import { describe, expect, it } from 'vitest';
import { answered, CRM, endOf, type PrintedUpdate, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const run = (campaign: string, file: string, ...more: readonly string[]) => [
  'selection',
  'update',
  campaign,
  file,
  ...more,
];
const selectionOf = async ({ admin }: Stand, id: string) =>
  (await admin.campaign(id)).campaign?.contactSelection;
const age = (value: number) => ({ field: 'age', operator: 'gte', value });
const replaceAge = (from: number, to: number) => ({
  remove: { filterRules: [age(from)] },
  add: { filterRules: [age(to)] },
});

describe('cxflow selection', () => {
  it('shows, plans, updates, informs the CRM, prints the history, and rolls back', async () => {
    await onStand(
      { env: { CRM_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true', CRM_SYNC_TOKEN: 'sync-1' } },
      async (stand) => {
        const { admin, cxflow, json, file, conserved } = stand;
        await admin.seedCampaign('C1', {
          owner: 'team-a',
          contactSelection: { targetListIds: ['L1'], exclusionListIds: ['X1'] },
        });
        const shown = await json<{ version: number; contactSelection: object }>(['selection', 'show', 'C1']);
        expect(shown.document).toMatchObject({
          campaignId: 'C1',
          version: 1,
          contactSelection: { targetListIds: ['L1'] },
        });

        file('change.json', JSON.stringify({ add: { targetListIds: ['L2'], filterRules: [age(18)] } }));
        const dry = await cxflow(run('C1', 'change.json', '--dry-run'));
        expect(dry).toMatchObject({ code: 0 });
        expect(dry.stdout).toContain('+ list L2: target');
        expect(dry.stdout).toContain('+ rule age gte 18');
        expect((await admin.campaign('C1')).campaign?.version).toBe(1);

        const updated = await json<PrintedUpdate>(run('C1', 'change.json', '--requested-by', 'team-b'));
        expect(updated.code, updated.stderr).toBe(0);
        expect(updated.document).toMatchObject({
          state: 'completed',
          counts: { total: 1, pending: 0, updated: 1 },
          version: { base: 1, before: 1, after: 2 },
          metrics: { totalOperations: 1, successRate: 100 },
          events: { delivered: 1, undelivered: 0 },
        });
        await conserved(updated.document.runId);
        expect((await admin.campaign('C1')).campaign).toMatchObject({
          owner: 'team-a',
          contactSelection: { targetListIds: ['L1', 'L2'], exclusionListIds: ['X1'] },
        });
        const [event, ...others] = await admin.webhooks(CRM);
        expect(others).toEqual([]);
        expect(event?.headers['x-sync-token']).toBe('sync-1');
        expect(event?.body).toMatchObject({
          event: 'campaign.selection.updated',
          campaignId: 'C1',
          compliant: true,
        });

        // The same update again changes nothing, and says so.
        const again = await cxflow(run('C1', 'change.json'));
        expect(again).toMatchObject({ code: 0 });
        expect(again.stdout).toContain('nothing to change');
        expect(again.stdout).toMatch(/existing\s+1/);

        const history = await json<{
          updates: { requestedBy: string; changes: string[]; versionAfter: number }[];
        }>(['selection', 'history', 'C1']);
        expect(history.document.updates).toHaveLength(3);
        expect(history.document.updates[1]).toMatchObject({
          requestedBy: 'team-b',
          versionBefore: 1,
          versionAfter: 2,
          changes: ['+ list L2: target', '+ rule age gte 18'],
        });

        await admin.editCampaign('C1', { add: { exclusionListIds: ['X2'] } });
        const back = await json<PrintedUpdate>(['selection', 'rollback', updated.document.runId]);
        expect(back.document.counts).toEqual({ total: 1, pending: 0, updated: 1 });
        await conserved(back.document.runId);
        // The rollback keeps what somebody else changed in the meantime.
        expect(await selectionOf(stand, 'C1')).toEqual({
          targetListIds: ['L1'],
          exclusionListIds: ['X1', 'X2'],
          filterRules: [],
          priorityOrder: [],
        });
      },
    );
  });

  it('keeps what others changed since the file was written', async () => {
    await onStand({}, async (stand) => {
      const { admin, cxflow, json, file, conserved } = stand;
      const { document } = await json<{ contactSelection: { targetListIds: string[] } }>([
        'selection',
        'show',
        'C2',
      ]);
      const { contactSelection } = document;
      const edited = { ...contactSelection, targetListIds: ['L1', 'L2'] };
      file('c2.json', JSON.stringify({ ...document, contactSelection: edited }));
      await admin.editCampaign('C2', { add: { targetListIds: ['T1'], priorityOrder: ['vip'] } });
      const updated = await json<PrintedUpdate>(run('C2', 'c2.json'));
      expect(updated.document.counts).toEqual({ total: 1, pending: 0, updated: 1 });
      expect(await selectionOf(stand, 'C2')).toMatchObject({
        targetListIds: ['L1', 'T1', 'L2'],
        priorityOrder: ['vip'],
      });
      await conserved(updated.document.runId);

      // A plan with a conflict exits with 3, in a dry run too.
      const other = { ...contactSelection, priorityOrder: ['other'] };
      file('other.json', JSON.stringify({ ...document, contactSelection: other }));
      const dry = await cxflow(run('C2', 'other.json', '--dry-run'));
      expect(dry).toMatchObject({ code: 3 });
      expect(dry.stdout).toContain('! priorityOrder: it was none; theirs "vip", ours "other"');

      // Without a snapshot of the version in the file, nobody knows who changed what.
      file('unseen.json', JSON.stringify({ ...document, version: 99 }));
      const unseen = await json<PrintedUpdate>(run('C2', 'unseen.json'));
      expect(unseen.code).toBe(1);
      expect(unseen.document.failure).toMatchObject({ type: 'InvalidInput' });
    });
  });

  it('merges concurrent changes of others, and resolves or reports conflicts as --on-conflict demands', async () => {
    await onStand({}, async (stand) => {
      const { admin, cxflow, json, file, conserved } = stand;
      const { remove, add } = replaceAge(18, 21);
      file('mine.json', JSON.stringify({ remove, add: { ...add, targetListIds: ['M'] } }));
      const seed = (id: string) => admin.seedCampaign(id, { contactSelection: { filterRules: [age(18)] } });
      const theirAge = replaceAge(18, 16);

      // Changes of other places, after the plan has read the campaign and again after the first write has read it.
      await seed('C3');
      await admin.editCampaign('C3', { when: 'after-get', times: 2, add: { targetListIds: ['T#'] } });
      const merged = await json<PrintedUpdate>(run('C3', 'mine.json'));
      expect(merged.document.counts).toEqual({ total: 1, pending: 0, updated: 1 });
      expect(merged.document.version).toEqual({ base: 1, before: 3, after: 4 });
      expect((await selectionOf(stand, 'C3'))?.targetListIds).toEqual(['L1', 'T1', 'T2', 'M']);
      await conserved(merged.document.runId);

      await seed('C4');
      await admin.editCampaign('C4', { when: 'after-get', ...theirAge });
      const failed = await json<PrintedUpdate>(run('C4', 'mine.json'));
      expect(failed.code).toBe(1);
      expect(failed.document.failure?.type).toBe('Conflict');
      expect(failed.document.failure?.message).toContain(
        'filterRules/age/gte was 18, theirs is 16, ours is 21',
      );
      expect(failed.document.counts).toEqual({ total: 1, pending: 0, conflict: 1 });
      expect((await admin.campaign('C4')).campaign?.version).toBe(2);
      await conserved(failed.document.runId, { state: 'failed' });
      const undone = await cxflow(['selection', 'rollback', failed.document.runId]);
      expect(undone).toMatchObject({ code: 2 });
      expect(undone.stderr).toContain('wrote no selection, so there is nothing to roll back');
      // Starting the same run again continues it, and does not undo the other edit.
      const again = await json<PrintedUpdate>(run('C4', 'mine.json'));
      expect(again.document).toMatchObject({ runId: failed.document.runId, failure: { type: 'Conflict' } });

      for (const [policy, age] of [
        ['mine', 21],
        ['theirs', 16],
      ] as const) {
        await seed(`C5${policy}`);
        await admin.editCampaign(`C5${policy}`, { when: 'after-get', ...theirAge });
        const settled = await json<PrintedUpdate>(run(`C5${policy}`, 'mine.json', '--on-conflict', policy));
        expect(settled.document.counts).toEqual({ total: 1, pending: 0, updated: 1 });
        const now = await selectionOf(stand, `C5${policy}`);
        expect(now).toMatchObject({ targetListIds: ['L1', 'M'], filterRules: [{ value: age }] });
        await conserved(settled.document.runId);
      }
    });
  });

  it('waits for a decision about each place in conflict with --on-conflict ask', async () => {
    await onStand({}, async (stand) => {
      const { admin, client, cxflow, start, file, conserved } = stand;
      await admin.seedCampaign('C6', {
        contactSelection: { filterRules: [age(18)], priorityOrder: ['a', 'b'] },
      });
      const desired = {
        targetListIds: ['L1'],
        filterRules: [age(21)],
        priorityOrder: ['a', 'b', 'c'],
      };
      file('ask.json', JSON.stringify(desired));
      await admin.editCampaign('C6', {
        when: 'after-get',
        remove: { filterRules: [age(18)] },
        add: { filterRules: [age(16)], priorityOrder: ['d'] },
      });
      const watching = start(run('C6', 'ask.json', '--on-conflict', 'ask', '--id', 'ask-1'));
      await watching.waitFor(/the run waits for your decision/);
      expect(watching.stdout()).toMatch(/filterRules\/age\/gte\s+18\s+16\s+21/);
      const { conflicts, phase } = await answered(() => client.progress('ask-1'));
      expect(phase).toBe('conflict');
      expect(conflicts?.map(({ place }) => place)).toEqual(['filterRules/age/gte', 'priorityOrder']);
      expect((await cxflow(['show', 'ask-1'])).stdout).toMatch(
        /priorityOrder\s+"a", "b"\s+"a", "b", "d"\s+"a", "b", "c"/,
      );

      const partly = await cxflow(['resolve', 'ask-1', '--answers', '{"priorityOrder": "mine"}']);
      expect(partly).toMatchObject({ code: 1 });
      expect(partly.stderr).toContain('answers are missing for filterRules/age/gte');
      // One of the places changes again after the answer, so the run asks about it again.
      await admin.editCampaign('C6', replaceAge(16, 17));
      file('answers.json', JSON.stringify({ priorityOrder: 'mine', 'filterRules/age/gte': 'theirs' }));
      expect((await cxflow(['resolve', 'ask-1', '--answers', 'answers.json', '--by', 'dana'])).code).toBe(0);
      await until(
        () => client.progress('ask-1'),
        (now) => now.conflicts?.[0]?.theirs === '17',
      );
      expect((await cxflow(['resolve', 'ask-1', '--mine'])).code).toBe(0);
      expect(await endOf(watching)).toMatchObject({ code: 0 });
      expect(await selectionOf(stand, 'C6')).toMatchObject({
        filterRules: [{ value: 21 }],
        priorityOrder: ['a', 'b', 'c'],
      });
      await conserved('ask-1');
    });
  });

  it('binds the approval to the plan, and reports a refusal in the words of CXone', async () => {
    await onStand({}, async (stand) => {
      const { admin, client, json, cxflow, start, file, conserved } = stand;
      file('more.json', JSON.stringify({ add: { targetListIds: ['L2'] } }));
      const watching = start(run('C7', 'more.json', '--approval', '--id', 'approval-1'));
      await watching.waitFor(/the run waits for approval/);
      expect(watching.stdout()).toContain('+ list L2: target');
      const { planHash } = await answered(() => client.progress('approval-1'));
      const wrong = await cxflow(['approve', 'approval-1', '--plan', 'feedfeedfeedfeed']);
      expect(wrong.stderr).toContain(planHash ?? '');
      await admin.editCampaign('C7', { add: { targetListIds: ['T'] } });
      expect((await cxflow(['approve', 'approval-1', '--plan', planHash ?? ''])).code).toBe(0);
      expect((await endOf(watching)).code).toBe(0);
      expect((await selectionOf(stand, 'C7'))?.targetListIds).toEqual(['L1', 'T', 'L2']);
      await conserved('approval-1');

      const fault = { status: 400, body: { message: 'list L3 is archived' } };
      await admin.setFaults([{ match: { method: 'PATCH', family: 'outbound' }, times: 1, fault }]);
      file('archived.json', JSON.stringify({ add: { targetListIds: ['L3'] } }));
      const refused = await json<PrintedUpdate>(run('C7', 'archived.json'));
      expect(refused.code).toBe(1);
      expect(refused.document).toMatchObject({
        failure: {
          type: 'Refused',
          // History and audit keep this, so CXone's own words are elsewhere.
          message: `CXone refused the selection of campaign C7: for its message see cxflow show ${refused.document.runId}`,
        },
        counts: { total: 1, pending: 0, rejected: 1 },
        cxone: { messages: [{ text: 'list L3 is archived', httpStatus: 400 }] },
      });
      const audited = await cxflow(['audit', '--run', refused.document.runId, '--json']);
      expect(audited.stdout).not.toContain('archived');
      await conserved(refused.document.runId, { state: 'failed' });
      // Once the list is available again, the same run continues.
      const after = await json<PrintedUpdate>(run('C7', 'archived.json'));
      expect(after.document).toMatchObject({ runId: refused.document.runId, counts: { updated: 1 } });
      await conserved(after.document.runId);
    });
  });

  it('reports all errors of a file before it sends a request, and a campaign that CXone does not have', async () => {
    await onStand({ simulatorArgs: ['--strict-lists'] }, async ({ admin, cxflow, json, file, conserved }) => {
      file(
        'wrong.json',
        JSON.stringify({ targetListIds: [], filterRules: [{ field: 'age' }], priority: [] }),
      );
      const wrong = await cxflow(run('C8', 'wrong.json'));
      expect(wrong.code).toBe(2);
      for (const path of [
        'selection.targetListIds',
        'selection.filterRules[0].operator',
        'selection.filterRules[0].value',
        'selection.priority',
      ])
        expect(wrong.stderr).toContain(path);
      expect((await admin.stats()).requests['GET /api/v2/outbound/campaigns/:campaignId']).toBe(undefined);
      file('fine.json', JSON.stringify({ add: { targetListIds: ['L2'] } }));
      const missing = await json<PrintedUpdate>(run('C8', 'fine.json'));
      expect(missing.code).toBe(1);
      expect(missing.document.failure?.type).toBe('NotFound');
      await conserved(missing.document.runId, { state: 'failed' });
      expect((await cxflow(['selection', 'show', 'C8'])).stderr).toContain('not found (404)');
    });
  });
});
