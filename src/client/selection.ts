/** Reading a campaign's selection. Updates are started like every other operation (start.ts). */
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, type Client, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import { TASK_QUEUE } from '../contract/run.ts';
import {
  CAMPAIGN_SELECTION,
  type CampaignSelectionInput,
  type CampaignSelectionResult,
  checkCampaignSelection,
} from '../contract/selection-update.ts';
import { type ContactSelection, toEditable, readSelection } from '../domain/selection-update/selection.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { InputError, NotDone, NoWorkerAnswered } from './errors.ts';

/** Longer than the workflow's own patience with CXone. */
const ANSWER_WITHIN = '90 seconds';

export interface SelectionClientDeps {
  readonly temporal: Client;
  readonly ledger: Ledger;
}

/** A campaign as a worker just saw it. */
export interface SeenSelection {
  readonly campaignId: string;
  /** Give it to an update that is made from this as `baseVersion`. */
  readonly version: number;
  /** As an update takes it; what CXone keeps at a rule besides is not in it, and stays. */
  readonly contactSelection: ContactSelection;
  readonly readAt: Date;
}

export function createSelectionClient({ temporal, ledger }: SelectionClientDeps) {
  return {
    /**
     * What a campaign dials now, asked of CXone by a worker. Throws InputError; NoWorkerAnswered; NotDone where CXone has
     * no such campaign, refuses the credentials or is not to be reached.
     */
    async readSelection(campaignId: string): Promise<SeenSelection> {
      const checked = checkCampaignSelection({ campaignId });
      if ('problems' in checked) throw new InputError(checked.problems);
      const { snapshot } = await ask(temporal, checked.input);
      const { version, selection, readAt } = await ledger.campaigns.getSnapshot(snapshot);
      return { campaignId, version, contactSelection: toEditable(readSelection(selection)), readAt };
    },
  };
}

async function ask(temporal: Client, input: CampaignSelectionInput): Promise<CampaignSelectionResult> {
  const workflowId = `campaign-selection:${input.campaignId}:${randomBytes(6).toString('hex')}`;
  const options = {
    taskQueue: TASK_QUEUE,
    workflowId,
    args: [input],
    workflowExecutionTimeout: ANSWER_WITHIN,
  };
  try {
    return (await temporal.workflow.execute(CAMPAIGN_SELECTION, options as never)) as CampaignSelectionResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    if (error.cause instanceof ApplicationFailure)
      throw new NotDone(error.cause.type ?? 'Failed', error.cause.message);
    if (!(error.cause instanceof TimeoutFailure)) throw error;
    throw new NoWorkerAnswered('no worker answered; is one running? (`cxflow worker`)');
  }
}
