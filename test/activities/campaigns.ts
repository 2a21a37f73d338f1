/** Runs of one campaign from plan to outcome, with a real ledger and the real client on a simulator. */
import { ApplicationFailure } from '@temporalio/common';
import type { MockActivityEnvironment } from '@temporalio/testing';
import { sql } from 'kysely';
import type { Answer } from '../../src/activities/selection-update/desired.ts';
import type { SelectionWritten } from '../../src/activities/selection-update/index.ts';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import type { UpdateSelectionAnswer, UpdateSelectionRequest } from '../../src/cxone/outbound.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { Edit } from '../../src/simulator/outbound.editors.ts';
import { type Opened, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { createWorker, lostAnswer, runActivity } from './harness.ts';

export type Send = () => Promise<UpdateSelectionAnswer>;
interface CampaignHooks {
  /** Replaces the n-th PATCH, from 1. */
  patch?: (n: number, send: Send) => Promise<UpdateSelectionAnswer>;
  /** Called after each PATCH, before the worker has its answer. */
  afterPatch?: () => void;
  /** Called after each read, before the worker has its answer. */
  afterRead?: () => Promise<void>;
  /** Called before each probe. */
  beforeProbe?: () => Promise<void>;
}

/** CXone applies the write, and its answer is lost. */
export const applyAndLose = async (send: Send): Promise<never> => {
  await send();
  throw lostAnswer();
};
/** Only for the first PATCH. */
export const once =
  (what: (send: Send) => Promise<UpdateSelectionAnswer>) =>
  (n: number, send: Send): Promise<UpdateSelectionAnswer> =>
    n === 1 ? what(send) : send();

/** Starts a simulator with one campaign, and a worker for it. */
export async function startCampaign({ ledger, database: { db } }: Opened, contactSelection: object = {}) {
  const { admin, cxone } = await startSimulator();
  const tenant = someId('tenant');
  const campaignId = someId('C');
  await admin.seedCampaign(campaignId, { contactSelection });
  const hooks: CampaignHooks = {};
  let patches = 0;

  const createCampaignWorker = (hooks: CampaignHooks) => {
    const outbound = {
      async readCampaign(request: Parameters<typeof cxone.outbound.readCampaign>[0]) {
        const campaign = await cxone.outbound.readCampaign(request);
        await hooks.afterRead?.();
        return campaign;
      },
      async updateSelection(request: UpdateSelectionRequest) {
        patches += 1;
        const send = () => cxone.outbound.updateSelection(request);
        try {
          return await (hooks.patch ? hooks.patch(patches, send) : send());
        } finally {
          hooks.afterPatch?.();
        }
      },
      async probe() {
        await hooks.beforeProbe?.();
        await cxone.outbound.probe();
      },
    };
    const postWebhook = () => Promise.resolve();
    const { activities } = createWorker(
      ledger,
      { ...cxone, outbound },
      { tenant, webhooks: { crm: postWebhook, marketing: null } },
    );
    return {
      activities,
      writeOnce: ({ run_id: runId }: Run, answered: readonly Answer[] = [], env?: MockActivityEnvironment) =>
        runActivity(() => activities.writeSelection({ runId, answered }), env),
    };
  };
  const worker = createCampaignWorker(hooks);

  const plan = async ({ run_id: runId }: Run) => {
    const { snapshot } = await runActivity(() => worker.activities.readSelection({ runId }));
    await runActivity(() => worker.activities.planSelection({ runId, snapshot }));
  };
  const openAndPlan = async (input: Partial<SelectionUpdateInput>): Promise<Run> => {
    const runId = someId('run');
    const whole = { campaignId, ...input };
    const { run } = await ledger.runs.open({
      ...{ runId, kind: 'selectionUpdate', target: campaignId, again: true },
      ...{ dryRun: false, requestedBy: null, input: whole },
    });
    await plan(run);
    return run;
  };
  /** Repeats after retryable failures, like Temporal, and after collisions, like the workflow. */
  const write = async (run: Run, answered: readonly Answer[] = []): Promise<SelectionWritten> => {
    for (let tries = 1; ; tries += 1) {
      const written = await worker.writeOnce(run, answered).catch((error: unknown) => {
        if (!(error instanceof ApplicationFailure) || error.nonRetryable || tries > 10) throw error;
        return null;
      });
      if (written !== null && written.kind !== 'outdated') return written;
    }
  };
  const outcome = async ({ run_no }: Run) => {
    for await (const { outcome, evidence, reasons } of ledger.records.list(run_no))
      return [outcome, evidence, ...reasons.map(({ code }) => code)]
        .filter((each) => each !== null)
        .join(' ');
    return null;
  };
  const audit = async ({ run_id }: Run) => {
    const { rows } = await sql<{ data: Record<string, unknown> }>`select data from audit_pending
      where run_id = ${run_id} and action = 'UPDATE_CONTACT_SELECTION' order by id`.execute(db);
    return rows.map(({ data }) => data);
  };
  return {
    ...{ admin, hooks, openAndPlan, plan, write, outcome, audit, createCampaignWorker, campaignId },
    ...{ activities: worker.activities, writeOnce: worker.writeOnce },
    edit: (edit: Edit) => admin.editCampaign(campaignId, edit),
    countPatches: () => patches,
    readCampaign: async () => (await admin.campaign(campaignId)).campaign,
    targets: async () => (await admin.campaign(campaignId)).campaign?.contactSelection.targetListIds,
    versions: async ({ run_no }: Run) => {
      const { from_snapshot, version_after } = await ledger.selections.get(run_no);
      const from = from_snapshot === null ? null : await ledger.campaigns.getSnapshot(from_snapshot);
      return [from?.version, version_after === null ? null : Number(version_after)];
    },
    /** As the history of the campaign shows it. */
    versionSeen: async ({ run_id }: Run) => {
      const updates = await ledger.selections.history({ tenant, campaignId }, 10);
      return updates.find(({ runId }) => runId === run_id)?.versionBefore;
    },
    events: async ({ run_no }: Run) => {
      const { rows } = await sql`select 1 from outbox where run_no = ${run_no}`.execute(db);
      return rows.length;
    },
  };
}
