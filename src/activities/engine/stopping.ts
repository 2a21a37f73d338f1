/** Lets a long activity end early at a point where it can continue later. */
import { Context } from '@temporalio/activity';
import { retryableFailure } from '../failures.ts';

/** Throws if the activity is cancelled or its worker is shutting down. `draining` is aborted by the shutdown. */
export async function throwIfStopping(draining: AbortSignal): Promise<void> {
  const { cancellationSignal, cancelled } = Context.current();
  if (cancellationSignal.aborted) await cancelled;
  if (draining.aborted)
    throw retryableFailure('WorkerDraining', 'the worker is shutting down; another one will continue', 0);
}
