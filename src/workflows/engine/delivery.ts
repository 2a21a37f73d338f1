/** Delivers the events of a run beside its steps. */
import { CancellationScope, log, sleep } from '@temporalio/workflow';
import { delivery, MAX_DELIVERY_WAIT } from '../policies.ts';
import { type Background, startBackground } from './background.ts';
import type { Run } from './run.ts';

/** Delivers events while the run writes. Events that are not delivered stay in the outbox. */
export function startDelivery(run: Run): Background {
  const deliver = async () => {
    for (let done = !run.hasSubscriber; !done; ) {
      ({ done } = await delivery.deliverEvents.executeWithOptions({ summary: 'deliver events' }, [
        run.runId,
      ]));
    }
  };
  run.delivery = startBackground(deliver, (error) => {
    log.error('no more events are delivered', { error: String(error) });
  });
  return run.delivery;
}

/** Waits for the remaining events, but not for long: an unavailable subscriber must not keep a finished run open. */
export async function finishDelivery(run: Run): Promise<void> {
  const { ended, stop } = run.delivery ?? startDelivery(run);
  if (run.hasSubscriber) {
    await run.enter('delivering', 'its events to be delivered');
    const timerScope = new CancellationScope();
    const timer = timerScope.run(() => sleep(MAX_DELIVERY_WAIT, { summary: 'delivery deadline' }));
    await Promise.race([ended, timer.catch(() => undefined)]);
    timerScope.cancel();
  }
  stop();
  await ended;
}

/** For a run that ends early: the events of what it has written are delivered all the same. */
export async function deliverRemaining(run: Run): Promise<void> {
  const { delivery: before, hasSubscriber } = run;
  if (!hasSubscriber || !before) return;
  before.stop();
  await before.ended;
  startDelivery(run);
  await finishDelivery(run);
}
