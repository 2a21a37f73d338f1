/** Brings opt-outs and complaints to the preferences in CXone, through a preference update of its own. */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  log,
  ParentClosePolicy,
  startChild,
  TemporalFailure,
} from '@temporalio/workflow';
import type { CommonInput, Source } from '../../contract/run.ts';
import { optOutRunPrefix } from '../../domain/email-send/opt-outs.ts';
import type { Run } from '../engine/run.ts';
import { emailSteps, MAX_SYNC_WAIT } from '../policies.ts';

/** The update goes on by itself. Until it is done, our own suppression list protects these people. */
export async function syncOptOuts(run: Run): Promise<void> {
  const { runId } = run;
  for (;;) {
    const staged = await emailSteps.stageOptOuts.executeWithOptions({ summary: 'opt-outs for CXone' }, [
      runId,
    ]);
    if (staged === null) return;
    const { dataset, rows, messages } = staged;
    if (dataset !== null) await startUpdate(`${optOutRunPrefix(runId)}${dataset}`, dataset, rows);
    await emailSteps.markOptOutsSynced.executeWithOptions({ summary: `${rows} opt-outs handed over` }, [
      { runId, messages },
    ]);
  }
}

/** For a run that ends early. An outage must not keep it open; what is not handed over then protects our own runs only. */
export async function syncRemaining(run: Run): Promise<void> {
  try {
    // The companion may be handing over the same opt-outs.
    await run.companion?.stop();
    await CancellationScope.withTimeout(MAX_SYNC_WAIT, () => syncOptOuts(run));
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    log.error('opt-outs were not handed over to CXone', { error: String(error) });
  }
}

async function startUpdate(workflowId: string, dataset: string, rows: number): Promise<void> {
  const input: CommonInput & { readonly source: Source } = { source: { dataset }, requestedBy: 'cxflow' };
  try {
    // If the start of an abandoned child is cancelled before the server has answered, the SDK's promise never settles.
    await CancellationScope.nonCancellable(() =>
      startChild('preferenceUpdate', {
        workflowId,
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.ABANDON,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
        staticSummary: `${rows} opt-outs`,
      }),
    );
  } catch (error) {
    // An earlier attempt, or the same opt-outs before a reset.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
