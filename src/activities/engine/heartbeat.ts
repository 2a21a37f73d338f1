/** Sends heartbeats while an activity works, from a timer, so that they continue during a single long statement. */
import { heartbeat } from '@temporalio/activity';

/** Shorter than every heartbeat timeout in workflows/policies.ts. */
const HEARTBEAT_EVERY_MS = 1_000;

/** `details` are shown in the Web UI: numbers only, no personal data. */
export async function withHeartbeat<T>(work: () => Promise<T>, details?: () => unknown): Promise<T> {
  const timer = setInterval(() => heartbeat(details?.()), HEARTBEAT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
