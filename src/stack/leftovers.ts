/** What a killed supervisor left running. Its successor ends it: the database and Temporal keep all that matters. */
import { isHolding } from './lock.ts';
import { endProcess } from './processes.ts';
import { CHILD_NAMES, type StackFile } from './stack-file.ts';

const GRACE_MS = 5_000;

/** In the reverse order of their start: the worker before the servers that it needs. */
export async function endLeftovers(stack: StackFile | null): Promise<void> {
  for (const name of [...CHILD_NAMES].reverse()) {
    const holder = stack?.processes[name];
    if (!holder || !isHolding(holder)) continue;
    await endProcess(holder.pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM', GRACE_MS);
  }
}
