/**
 * Waiting for conditions. A test waits for a condition, never for a fixed time, because how long anything takes depends on
 * how busy the machine is. The upper bound only ends the wait for a condition that is never met.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NoWorkerAnswered } from '../../src/client/errors.ts';

/** Much longer than anything takes even on a busy machine, but shorter than the tests' timeouts (vitest.config.ts). */
export const PATIENCE_MS = 240_000;

/** Polls until the value meets the condition, and returns it. Throws an error with the last value if it never does. */
export async function until<T>(read: () => T | Promise<T>, isMet: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await Promise.resolve().then(read).catch(ignoreMissingWorker);
    if (value !== null && isMet(value)) return value;
    if (performance.now() > deadline)
      throw new Error(
        `condition not met within ${PATIENCE_MS} ms: ${JSON.stringify(value)?.slice(0, 1_000)}`,
      );
    await delay(25);
  }
}

/** Asks a run again while its worker is too busy to answer. */
export const answered = <T>(ask: () => Promise<T>): Promise<T> => until(ask, () => true);

/** A query fails until a worker has picked up the run. */
function ignoreMissingWorker(error: unknown): null {
  if (error instanceof NoWorkerAnswered) return null;
  throw error;
}

/** Repeats assertions until they pass. Throws the last failure if they never do. */
export async function eventually<T>(assert: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await assert();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(25);
    }
  }
}

/** Awaits a promise. If it does not settle, rejects with an error that names what was awaited. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const over = new AbortController();
  const late = delay(PATIENCE_MS, undefined, { signal: over.signal }).then(
    () => Promise.reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)),
    () => new Promise<never>(() => undefined),
  );
  return Promise.race([promise, late]).finally(() => over.abort());
}
