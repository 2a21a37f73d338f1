/**
 * Seals the audit while the worker runs (docs/adr/0009-audit-sealed-later.md). A lock in the ledger lets only one worker at a
 * time seal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../ledger/ledger.ts';
import { describeError, type Logger } from './log.ts';

const INTERVAL_MS = 500;

export interface Sealer {
  /** Seals what has been written so far, then returns. */
  stop(): Promise<void>;
}

export function startSealer(ledger: Ledger, log: Logger): Sealer {
  let stopped = false;
  const seal = () =>
    ledger.audit
      .seal()
      .catch((error: unknown) => log.warn({ error: describeError(error) }, 'the audit was not sealed'));
  const sealing = (async () => {
    while (!stopped) {
      await seal();
      await delay(INTERVAL_MS);
    }
    await ledger.audit.seal().catch(() => undefined);
  })();
  return {
    async stop() {
      stopped = true;
      await sealing;
    },
  };
}
