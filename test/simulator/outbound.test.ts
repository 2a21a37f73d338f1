/** The simulator's campaigns, through the SDK that production uses. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from './stand.ts';

type Stand = Awaited<ReturnType<typeof startSimulator>>;

const parts = (targetListIds: readonly string[], more: object = {}) => ({
  targetListIds,
  exclusionListIds: [],
  filterRules: [],
  priorityOrder: [],
  ...more,
});

/** Reads the campaign, then updates it with these target lists. */
async function write(
  { cxone }: Stand,
  targetListIds: readonly string[],
  version?: number,
  more: object = {},
) {
  const campaign = await cxone.outbound.readCampaign({ campaignId: 'C1' });
  const { document } = campaign;
  return cxone.outbound.updateSelection({
    campaignId: 'C1',
    document,
    version: version ?? campaign.version,
    selection: parts(targetListIds, more),
  });
}

describe('a campaign', () => {
  it('is created on first use with version 1; with strictLists it is a 404', async () => {
    const { cxone, admin } = await startSimulator();
    const read = await cxone.outbound.readCampaign({ campaignId: 'C1' });
    expect(read).toMatchObject({ version: 1, selection: { targetListIds: ['L1'] } });
    await admin.change({ strictLists: true });
    await expect(cxone.outbound.readCampaign({ campaignId: 'C2' })).rejects.toThrow(/not found/);
  });

  it('keeps its other fields when the selection is updated, and its version increases by one', async () => {
    const stand = await startSimulator();
    await stand.admin.seedCampaign('C1', {
      version: 7,
      owner: 'team-a',
      contactSelection: { targetListIds: ['L1'], sampling: 0.5 },
    });
    expect(await write(stand, ['L1', 'L2'])).toMatchObject({ kind: 'updated', version: 8, status: 200 });
    const { campaign } = await stand.admin.campaign('C1');
    expect(campaign).toMatchObject({
      version: 8,
      owner: 'team-a',
      contactSelection: { targetListIds: ['L1', 'L2'], sampling: 0.5 },
    });
  });

  it.each([409, 412] as const)(
    'answers an old version with %i and changes nothing',
    async (outdatedStatus) => {
      const stand = await startSimulator({ outdatedStatus });
      await write(stand, ['L1', 'L2']);
      expect(await write(stand, ['L9'], 1)).toMatchObject({ kind: 'outdated', status: outdatedStatus });
      const { campaign } = await stand.admin.campaign('C1');
      expect(campaign?.contactSelection.targetListIds).toEqual(['L1', 'L2']);
    },
  );

  it('rejects a selection that violates the rules, with a message', async () => {
    const stand = await startSimulator();
    expect(await write(stand, [])).toEqual({
      kind: 'refused',
      status: 400,
      message: 'no target list is given',
      requestId: expect.any(String) as string,
    });
  });

  it('rejects the same filter rule or priority twice, and nothing that differs in field, operator, value or its type', async () => {
    const stand = await startSimulator();
    const rule = (value: unknown, operator = 'ne', field = 'state') => ({ field, operator, value });
    const filterRules = [
      ...['CA', 'NY', 1, '1', null, ['a', 'b'], ['b', 'a'], { a: 1, b: 2 }].map((value) => rule(value)),
      ...[rule('CA', 'eq'), rule('NY', 'eq'), rule('CA', 'ne', 'city')],
    ];
    const all = { filterRules, priorityOrder: ['a', 'b', { by: 'a' }] };
    expect(await write(stand, ['L1'], 1, all)).toMatchObject({ kind: 'updated' });
    const refused = { kind: 'refused', status: 400, message: 'a filter rule appears twice' };
    for (const again of [rule(1), rule(null), rule({ b: 2, a: 1 }), rule('CA', 'eq')])
      expect(await write(stand, ['L1'], 2, { filterRules: [...filterRules, again] })).toMatchObject(refused);
    expect(await write(stand, ['L1'], 2, { priorityOrder: ['a', 'b', 'a'] })).toMatchObject({
      kind: 'refused',
      message: 'a priority appears twice',
    });
  });

  it('requires If-Match and the whole document', async () => {
    const { token, request } = await startSimulator();
    const headers = {
      authorization: `Bearer ${await token('outbound')}`,
      'content-type': 'application/json',
    };
    const path = '/api/v2/outbound/campaigns/C1';
    const body = JSON.stringify({ contactSelection: parts(['L1']) });
    expect(await request('PATCH', path, { headers, body })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('If-Match') as string },
    });
    const guarded = { ...headers, 'if-match': 'version=1' };
    expect(await request('PATCH', path, { headers: guarded, body })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('the whole document') as string },
    });
  });

  it('requires the scope of the method and a token of its family', async () => {
    const { cxone, admin, token, request } = await startSimulator();
    const headers = { authorization: `Bearer ${await token('contactlists')}` };
    expect((await request('GET', '/api/v2/outbound/campaigns/C1', { headers })).status).toBe(401);
    await admin.change({ withheldScopes: ['outbound:campaign:read'] });
    await expect(cxone.outbound.readCampaign({ campaignId: 'C1' })).rejects.toThrow(/outbound:campaign:read/);
  });
});

describe('third parties', () => {
  it('edit now, after a GET and after a PATCH, as many times as requested', async () => {
    const stand = await startSimulator();
    const { admin } = stand;
    await admin.editCampaign('C1', { add: { targetListIds: ['now'] }, set: { name: 'renamed' } });
    await admin.editCampaign('C1', {
      when: 'after-get',
      after: 1,
      times: 2,
      add: { targetListIds: ['got#'] },
    });
    await admin.editCampaign('C1', { when: 'after-patch', remove: { targetListIds: ['now'] } });
    expect(await write(stand, ['L1', 'now', 'mine'])).toMatchObject({ kind: 'updated', version: 3 });
    expect(await write(stand, ['L5'])).toMatchObject({ kind: 'outdated' });
    expect(await write(stand, ['L5'])).toMatchObject({ kind: 'outdated' });
    const { campaign, edits } = await admin.campaign('C1');
    expect(campaign?.contactSelection.targetListIds).toEqual(['L1', 'mine', 'got1', 'got2']);
    expect({ name: campaign?.name, edits }).toEqual({ name: 'renamed', edits: 3 });
    const actions = (await admin.campaignJournal('C1')).map(({ action, version }) => `${version} ${action}`);
    expect(actions).toEqual(['2 edit', '3 update', '4 edit', '5 edit', '6 edit']);
  });
});

it('a filter rule that third parties add or remove is that very rule', async () => {
  const { admin } = await startSimulator();
  const rules = (...values: unknown[]) => ({
    filterRules: values.map((value) => ({ field: 'state', operator: 'ne', value })),
  });
  await admin.editCampaign('C1', { add: rules('CA', 'NY', 1) });
  await admin.editCampaign('C1', { add: rules('TX', '1'), remove: rules('CA', '2') });
  expect((await admin.campaign('C1')).campaign?.contactSelection).toMatchObject(rules('NY', 1, 'TX', '1'));
});

it('a restarted simulator restores the campaigns from its journal', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const journalPath = join(folder, 'journal.ndjson');
  const first = createSimulator({ journalPath });
  await first.listen();
  await first.close();
  const stand = await startSimulator({ journalPath });
  await write(stand, ['L1', 'L2']);
  await stand.simulator.close();
  const again = await startSimulator({ journalPath });
  expect((await again.admin.campaign('C1')).campaign).toMatchObject({
    version: 2,
    contactSelection: { targetListIds: ['L1', 'L2'] },
  });
});
