/** Sends heartbeats while an activity works, from a timer, so that they continue during a single long statement. */
import { asyncLocalStorage, Context } from '@temporalio/activity';

/** Shorter than every heartbeat timeout in workflows/policies.ts. */
const HEARTBEAT_EVERY_MS = 1_000;

/** What the heartbeats of an activity contain. */
const DETAILS = new WeakMap<Context, () => unknown>();

/** `details` are shown in the Web UI: numbers only, no personal data. */
export function showInHeartbeats(details: () => unknown): void {
  DETAILS.set(Context.current(), details);
}

/** Every activity sends them, so that its timeout can be longer than its longest statement (domain/timeouts.ts). */
export function sendHeartbeats<A extends Record<string, (...args: never[]) => Promise<unknown>>>(
  activities: A,
): A {
  const entries = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...args: never[]) => {
      const context = asyncLocalStorage.getStore();
      if (!context) return activity(...args);
      const timer = setInterval(() => context.heartbeat(DETAILS.get(context)?.()), HEARTBEAT_EVERY_MS);
      try {
        return await activity(...args);
      } finally {
        clearInterval(timer);
      }
    },
  ]);
  return Object.fromEntries(entries) as A;
}
