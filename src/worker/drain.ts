/** SIGTERM and SIGINT make the worker drain: it claims no new batch, and settles those in flight before it exits. */
import { setMaxListeners } from 'node:events';
import type { Logger } from './log.ts';

export function drainOnSignal(log: Logger): AbortSignal {
  const draining = new AbortController();
  // Every page in progress listens to this signal.
  setMaxListeners(0, draining.signal);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'draining: no new batch, those in flight are settled');
      draining.abort();
    });
  }
  return draining.signal;
}
