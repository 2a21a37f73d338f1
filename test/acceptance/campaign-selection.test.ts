/**
 * The sample of the vendor's tutorial on campaign selections, from the file to the CRM: its campaign, its selection, and each
 * answer that it discusses (docs/cxone-contract.md#outbound-campaigns).
 */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { CRM, type PrintedUpdate, type Stand, until, useStand } from '../scenarios/stand.ts';

const onStand = useStand();

const CAMPAIGN = 'campaign_xyz789';
const SELECTION = {
  targetListIds: ['list_123abc', 'list_456def'],
  exclusionListIds: ['list_789ghi'],
  filterRules: [
    { field: 'status', operator: 'eq', value: 'active' },
    { field: 'last_call_date', operator: 'gt', value: '2023-01-01' },
  ],
  priorityOrder: ['high_value', 'recent_engagement', 'default'],
};
/** The campaign's selection before the update, and its other fields. */
const BEFORE = {
  version: 12,
  name: 'Spring',
  contactSelection: { ...SELECTION, targetListIds: ['list_123abc'], exclusionListIds: [], filterRules: [] },
};
const ENV = {
  CRM_WEBHOOK_URL: 'CRM',
  CRM_SYNC_TOKEN: 'sync-token-of-the-test',
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
};

/** Seeds the campaign and writes the sample to a file. Runs are named, so that each is a new run. */
async function prepare(stand: Stand) {
  await stand.admin.seedCampaign(CAMPAIGN, BEFORE);
  stand.file('selection.json', JSON.stringify(SELECTION));
  const update = async (id: string) => {
    const args = ['selection', 'update', CAMPAIGN, 'selection.json', '--id', id];
    const printed = await stand.json<PrintedUpdate>(args);
    await stand.conserved(id, { state: printed.document.failure ? 'failed' : 'completed' });
    return printed;
  };
  /** Somebody else reverts a part of the selection, so that there is something to write again. */
  const undo = () => stand.admin.editCampaign(CAMPAIGN, { remove: { targetListIds: ['list_456def'] } });
  const campaign = async () => (await stand.admin.campaign(CAMPAIGN)).campaign;
  const patches = async () =>
    (await stand.admin.requests()).filter(({ method }) => method === 'PATCH').map(({ status }) => status);
  /** The audit entries of the attempts of a run. */
  const attempts = (id: string) =>
    until(
      () => audited(stand, id),
      (entries) => entries.length > 0,
    );
  const answerPatches = (fault: Fault, times?: number) =>
    stand.admin.setFaults([
      { match: { method: 'PATCH', family: 'outbound' }, fault, ...(times !== undefined && { times }) },
    ]);
  return { update, undo, campaign, patches, attempts, answerPatches };
}

interface Entry {
  readonly auditId: string;
  readonly action: string;
  readonly data: Readonly<Record<string, unknown>>;
}

async function audited({ json }: Stand, id: string): Promise<readonly Entry[]> {
  const { document } = await json<{ entries: readonly Entry[] }>(['audit', '--run', id]);
  return document.entries.filter(({ action }) => action === 'UPDATE_CONTACT_SELECTION');
}

describe("the tutorial's selection of a campaign", () => {
  it('is written under the version that was read, with audit entry, metrics, and the event for the CRM', async () => {
    await onStand({ ownLedger: true, env: ENV }, async (stand) => {
      const { update, campaign, patches, attempts } = await prepare(stand);
      const { code, document } = await update('written');
      expect(code).toBe(0);
      expect(document).toMatchObject({
        counts: { total: 1, pending: 0, updated: 1 },
        version: { base: 12, before: 12, after: 13 },
        metrics: { successRate: 100 },
        events: { delivered: 1, undelivered: 0 },
      });
      expect(await patches()).toEqual([200]);
      expect(await campaign()).toMatchObject({ version: 13, name: 'Spring', contactSelection: SELECTION });

      const [entry, ...others] = await attempts('written');
      expect(others).toEqual([]);
      expect(entry?.data).toMatchObject({
        campaignId: CAMPAIGN,
        payloadHash: document.payloadHash,
        result: 'COMPLETED',
        latencyMs: expect.any(Number) as number,
        complianceFlags: { overlapChecked: true, complexityValidated: true, exclusionVerified: true },
      });
      const [event, ...repeats] = await stand.admin.webhooks(CRM);
      expect(repeats).toEqual([]);
      expect(event?.headers['x-sync-token']).toBe(ENV.CRM_SYNC_TOKEN);
      expect(event?.body).toMatchObject({
        campaignId: CAMPAIGN,
        auditId: entry?.auditId,
        updatedAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T/) as string,
        compliant: true,
      });
    });
  });

  it('is merged with what somebody else wrote after a 409, and sent again under the new version', async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { update, campaign, patches } = await prepare(stand);
      const theirs = {
        targetListIds: ['list_of_others'],
        filterRules: [{ field: 'last_call_date', operator: 'gt', value: '2024-01-01' }],
      };
      await stand.admin.editCampaign(CAMPAIGN, { when: 'after-get', after: 1, add: theirs });
      const { document } = await update('merged');
      expect(document).toMatchObject({ counts: { updated: 1 }, version: { before: 13, after: 14 } });
      expect(await patches()).toEqual([409, 200]);
      const { targetListIds = [], filterRules = [] } = (await campaign())?.contactSelection ?? {};
      expect([...targetListIds].sort()).toEqual([...SELECTION.targetListIds, 'list_of_others']);
      expect(filterRules).toEqual([...theirs.filterRules, ...SELECTION.filterRules]);
    });
  });

  it('is sent again with a new token after a 401; a second 401 fails the run and names the credentials', async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { update, undo, campaign, patches, attempts, answerPatches } = await prepare(stand);
      await answerPatches({ status: 401 }, 1);
      expect((await update('renewed')).document.counts).toMatchObject({ updated: 1 });
      expect(await patches()).toEqual([401, 200]);

      await undo();
      await answerPatches({ status: 401 });
      const { code, document } = await update('refused-401');
      expect(code).toBe(1);
      expect(document.failure).toMatchObject({ type: 'CredentialsRefused' });
      expect(document.failure?.message).toContain('CXONE_CLIENT_ID');
      expect((await patches()).slice(2)).toEqual([401, 401]);
      expect((await campaign())?.version).toBe(14);
      const [entry] = await attempts('refused-401');
      expect(entry?.data).toMatchObject({ result: 'FAILED', httpStatus: 401 });
    });
  });

  it('fails the run on a 403, and names the scopes that the client lacks', async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { update, campaign, attempts } = await prepare(stand);
      await stand.admin.change({ withheldScopes: ['outbound:campaign:write'] });
      const { code, document } = await update('refused-403');
      expect(code).toBe(1);
      expect(document.failure).toMatchObject({ type: 'ScopeMissing' });
      expect(document.failure?.message).toContain('outbound:campaign:write outbound:campaign:read');
      expect((await campaign())?.version).toBe(BEFORE.version);
      const [entry] = await attempts('refused-403');
      expect(entry?.data).toMatchObject({ result: 'FAILED', httpStatus: 403 });
    });
  });

  it('is written once after a 429, and after the wait that CXone demands or the backoff', async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { update, undo, campaign, patches, answerPatches } = await prepare(stand);
      await answerPatches({ status: 429, retryAfter: 1 }, 1);
      expect((await update('limited')).document.counts).toMatchObject({ updated: 1 });
      expect(await patches()).toEqual([429, 200]);

      await undo();
      await answerPatches({ status: 429 }, 2);
      expect((await update('limited-again')).document.counts).toMatchObject({ updated: 1 });
      expect((await patches()).slice(2)).toEqual([429, 429, 200]);
      expect(await campaign()).toMatchObject({ version: 15, contactSelection: SELECTION });
    });
  });

  it("fails the run on a 400 and shows CXone's message, which is in no audit, and nothing is changed", async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { update, campaign, attempts, answerPatches } = await prepare(stand);
      await answerPatches({ status: 400, body: { message: 'list list_456def is archived' } }, 1);
      const { code, document } = await update('refused-400');
      expect(code).toBe(1);
      expect(document).toMatchObject({
        counts: { total: 1, pending: 0, rejected: 1 },
        failure: { type: 'Refused', message: expect.stringContaining('cxflow show refused-400') as string },
        cxone: { messages: [{ text: 'list list_456def is archived', httpStatus: 400 }] },
      });
      const { stdout } = await stand.cxflow(['audit', '--run', 'refused-400', '--json']);
      expect(stdout).not.toContain('is archived');
      expect((await campaign())?.version).toBe(BEFORE.version);
      const [entry] = await attempts('refused-400');
      expect(entry?.data).toMatchObject({ result: 'FAILED', httpStatus: 400 });
    });
  });

  it('is not sent if CXone would refuse it, and every problem is named', async () => {
    await onStand({ ownLedger: true }, async (stand) => {
      const { patches } = await prepare(stand);
      const rules = Array.from({ length: 51 }, (_, n) => ({ field: `f${n}`, operator: 'eq', value: n }));
      const wrong = {
        targetListIds: ['list_123abc', 'list_789ghi'],
        exclusionListIds: ['list_789ghi'],
        filterRules: [...rules.slice(1), { field: 'status', operator: 'eq' }],
        priorityOrder: ['1', '2', '3', '4', '5', '6'],
      };
      stand.file('wrong.json', JSON.stringify(wrong));
      stand.file('empty.json', JSON.stringify({ targetListIds: [] }));
      const refused = await stand.cxflow(['selection', 'update', CAMPAIGN, 'wrong.json']);
      expect(refused.code).toBe(2);
      for (const problem of [
        'exclusionListIds[0] is "list_789ghi", as is targetListIds[1]',
        'filterRules has 51 rules; CXone accepts at most 50',
        'filterRules[50].value is missing',
        'priorityOrder has 6 priorities; CXone accepts at most 5',
      ])
        expect(refused.stderr).toContain(problem);
      const empty = await stand.cxflow(['selection', 'update', CAMPAIGN, 'empty.json']);
      expect(empty).toMatchObject({ code: 2 });
      expect(empty.stderr).toContain('targetListIds must have at least one list');
      expect(await patches()).toEqual([]);
    });
  });
});
