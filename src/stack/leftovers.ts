/** Processes that a killed supervisor has left running. Stopping them is safe: the database and Temporal keep the state. */
import { isRunning } from './lock.ts';
import { stopProcess } from './processes.ts';
import { CHILD_NAMES, type StackFile } from './stack-file.ts';

const GRACE_MS = 5_000;

/** In the reverse order of their start, so that the worker stops before the servers that it needs. */
export async function stopLeftovers(stack: StackFile | null): Promise<void> {
  for (const name of [...CHILD_NAMES].reverse()) {
    const holder = stack?.processes[name];
    if (!holder || !isRunning(holder)) continue;
    await stopProcess(holder.pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM', GRACE_MS);
  }
}
