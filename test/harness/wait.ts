/**
 * Waiting for conditions. A test waits until something is so, never for a time within which it should be: how long
 * anything takes says how busy the machine is. The upper bound is there for the condition that never comes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NoWorkerAnswered } from '../../src/client/errors.ts';

/** Many times what anything takes, also beside other work; shorter than the time limits of tests (vitest.config.ts). */
export const PATIENCE_MS = 240_000;

/** Polls until the value is as wanted, and returns it. Throws an error with the last value when it never is. */
export async function until<T>(look: () => T | Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await Promise.resolve().then(look).catch(unlessUntaken);
    if (value !== null && isSo(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`not so within ${PATIENCE_MS} ms: ${JSON.stringify(value)?.slice(0, 1_000)}`);
    await delay(25);
  }
}

/** A run that no worker has taken up yet answers later. */
function unlessUntaken(error: unknown): null {
  if (error instanceof NoWorkerAnswered) return null;
  throw error;
}

/** Repeats assertions until they hold; the last failure is thrown when they never do. */
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

/** What the promise resolves with; an error that says what was waited for when it never does. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const over = new AbortController();
  const late = delay(PATIENCE_MS, undefined, { signal: over.signal }).then(
    () => Promise.reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)),
    () => new Promise<never>(() => undefined),
  );
  return Promise.race([promise, late]).finally(() => over.abort());
}
