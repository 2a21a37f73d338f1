/** The part of the client that is about campaigns: what they dial, and who changed it. */
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, type Client, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import type { Started } from '../client.ts';
import { InputError, NotDone, NoWorkerAnswered } from './errors.ts';
import {
  CAMPAIGN_SELECTION,
  type CampaignSelectionInput,
  type CampaignSelectionResult,
  type CommonInput,
  type Kind,
  RUN_ID_PREFIX,
  type SelectionUpdateInput,
  TASK_QUEUE,
} from '../contract/run.ts';
import { checkCampaignSelection, checkSelectionUpdate, selectionUpdateOptions } from '../contract/input.ts';
import { type ContactSelection, editable, readSelection } from '../domain/selection-update/selection.ts';
import { businessKey } from '../ledger/runs/business-key.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** Longer than the workflow's own patience with CXone. */
const ANSWER_WITHIN = '90 seconds';

export interface SelectionClientDeps {
  readonly temporal: Client;
  readonly ledger: Ledger;
  readonly startRun: (kind: Kind, runId: string, input: CommonInput, summary: string) => Promise<Started>;
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

export function createSelectionClient({ temporal, ledger, startRun }: SelectionClientDeps) {
  return {
    /**
     * Starts an update of a campaign's selection. The same wish for the same campaign is the same run while that is under
     * way or has failed; afterwards it is a new one, for the campaign may be another by then (docs/adr/0010). Throws
     * InputError with every problem of the input.
     *
     * ```ts
     * const change = { add: { targetListIds: ['L7'] }, remove: { exclusionListIds: ['L7'] } };
     * await cxflow.startSelectionUpdate({ campaignId: 'C1', change, onConflict: 'ask' });
     * ```
     */
    async startSelectionUpdate(
      input: SelectionUpdateInput,
      options: { runId?: string } = {},
    ): Promise<Started> {
      const checked = checkSelectionUpdate(input);
      if ('problems' in checked) throw new InputError(checked.problems);
      const runId = options.runId ?? (await defaultRunId(ledger, input));
      const what = input.rollbackOf === undefined ? 'selection' : 'rollback';
      return startRun('selectionUpdate', runId, input, `${what} → campaign ${input.campaignId}`);
    },

    /**
     * What a campaign dials now, asked of CXone by a worker. Throws InputError; NoWorkerAnswered; NotDone where CXone has
     * no such campaign, refuses the credentials or is not to be reached.
     */
    async readSelection(campaignId: string): Promise<SeenSelection> {
      const checked = checkCampaignSelection({ campaignId });
      if ('problems' in checked) throw new InputError(checked.problems);
      const { snapshot } = await ask(temporal, checked.input);
      const { version, selection, readAt } = await ledger.campaigns.snapshot(snapshot);
      return { campaignId, version, contactSelection: editable(readSelection(selection)), readAt };
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

/** A run that failed goes on under its id; one that ended otherwise stands, and the next counts on. */
async function defaultRunId(ledger: Ledger, input: SelectionUpdateInput): Promise<string> {
  const { campaignId, dryRun } = input;
  const key = businessKey(RUN_ID_PREFIX.selectionUpdate, campaignId, '', selectionUpdateOptions(input));
  if (dryRun) return `${key}:dry-${randomBytes(4).toString('hex')}`;
  const { count, newest } = await ledger.selections.runsOf(key);
  if (newest && (newest.state === 'running' || newest.state === 'failed')) return newest.runId;
  return count === 0 ? key : `${key}:${count + 1}`;
}
