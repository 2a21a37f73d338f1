/** Signs of life while an activity works: also through one long statement, which no loop of ours could interrupt. */
import { heartbeat } from '@temporalio/activity';

/** Shorter than every heartbeat timeout in workflows/policies.ts. */
const HEARTBEAT_EVERY_MS = 1_000;

/** `details` are shown in the Web UI: numbers, no personal data. */
export async function withHeartbeat<T>(work: () => Promise<T>, details?: () => unknown): Promise<T> {
  const beating = setInterval(() => heartbeat(details?.()), HEARTBEAT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(beating);
  }
}
