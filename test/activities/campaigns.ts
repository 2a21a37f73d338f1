/** A run of one campaign from its plan to its outcome, with the real ledger and the real SDK on a simulator. */
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import type { SelectionWritten } from '../../src/activities/selection-update/index.ts';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import type { UpdateSelectionAnswer, UpdateSelectionRequest } from '../../src/cxone/outbound.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { Edit } from '../../src/simulator/outbound.editors.ts';
import { type Opened, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { lostAnswer, perform, workerOf } from './harness.ts';

export type Send = () => Promise<UpdateSelectionAnswer>;
interface Script {
  /** Instead of the n-th PATCH, from 1. */
  patch?: (n: number, send: Send) => Promise<UpdateSelectionAnswer>;
  /** After each look, before its answer is known here. */
  looked?: () => Promise<void>;
}
export type Answered = { place: string; hash: string; side: 'mine' | 'theirs' }[];

/** CXone has done it, and nobody is told. */
export const applied = async (send: Send): Promise<never> => {
  await send();
  throw lostAnswer();
};
export const once =
  (what: (send: Send) => Promise<UpdateSelectionAnswer>) =>
  (n: number, send: Send): Promise<UpdateSelectionAnswer> =>
    n === 1 ? what(send) : send();

export async function onCampaign({ ledger, database: { db } }: Opened, contactSelection: object = {}) {
  const { admin, cxone } = await startSimulator();
  const tenant = someId('tenant');
  const campaignId = someId('C');
  await admin.seedCampaign(campaignId, { contactSelection });
  const script: Script = {};
  let patches = 0;

  const workerWith = (its: Script) => {
    const outbound = {
      async readCampaign(request: Parameters<typeof cxone.outbound.readCampaign>[0]) {
        const campaign = await cxone.outbound.readCampaign(request);
        await its.looked?.();
        return campaign;
      },
      updateSelection(request: UpdateSelectionRequest) {
        patches += 1;
        const send = () => cxone.outbound.updateSelection(request);
        return its.patch ? its.patch(patches, send) : send();
      },
    };
    const postWebhook = () => Promise.resolve();
    const { activities } = workerOf(
      ledger,
      { ...cxone, outbound },
      { tenant, webhooks: { crm: postWebhook, marketing: null } },
    );
    return {
      activities,
      tryOnce: ({ run_id: runId }: Run, answered: Answered = []) =>
        perform(() => activities.writeSelection({ runId, answered })),
    };
  };
  const worker = workerWith(script);

  const plan = async ({ run_id: runId }: Run) => {
    const { snapshot } = await perform(() => worker.activities.readSelection({ runId }));
    await perform(() => worker.activities.planSelection({ runId, snapshot }));
  };
  const begin = async (input: Partial<SelectionUpdateInput>): Promise<Run> => {
    const runId = someId('run');
    const whole = { campaignId, ...input };
    const { run } = await ledger.runs.open({
      ...{ runId, kind: 'selectionUpdate', target: campaignId, again: true },
      ...{ dryRun: false, requestedBy: null, input: whole },
    });
    await plan(run);
    return run;
  };
  /** As Temporal and the workflow do: what passes by itself is tried again, and what is outdated. */
  const write = async (run: Run, answered: Answered = []): Promise<SelectionWritten> => {
    for (let tries = 1; ; tries += 1) {
      const written = await worker.tryOnce(run, answered).catch((error: unknown) => {
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
    ...{ admin, script, begin, plan, write, outcome, audit, workerWith, campaignId },
    ...{ activities: worker.activities, tryOnce: worker.tryOnce },
    edit: (edit: Edit) => admin.editCampaign(campaignId, edit),
    patches: () => patches,
    now: async () => (await admin.campaign(campaignId)).campaign,
    targets: async () => (await admin.campaign(campaignId)).campaign?.contactSelection.targetListIds,
    versions: async ({ run_no }: Run) => {
      const { from_snapshot, version_after } = await ledger.selections.get(run_no);
      const from = from_snapshot === null ? null : await ledger.campaigns.getSnapshot(from_snapshot);
      return [from?.version, version_after === null ? null : Number(version_after)];
    },
    events: async ({ run_no }: Run) => {
      const { rows } = await sql`select 1 from outbox where run_no = ${run_no}`.execute(db);
      return rows.length;
    },
  };
}
