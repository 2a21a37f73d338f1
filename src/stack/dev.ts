/**
 * The supervisor of `cxflow dev` (decisions.md 31): PostgreSQL, Temporal, simulator and worker on one machine, kept
 * alive, and stopped in the reverse order. What the environment names is used and not started: DATABASE_URL,
 * TEMPORAL_ADDRESS, CXONE_API_URL.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createChildren, type StackOptions } from './children.ts';
import { keepAlive, type KeptAlive } from './keep-alive.ts';
import { endLeftovers } from './leftovers.ts';
import { holderOf, takeLock } from './lock.ts';
import { freePort } from './ports.ts';
import { readStackFile, type StackAddresses, type StackFile, writeStackFile } from './stack-file.ts';

export interface Stack {
  readonly addresses: StackAddresses;
  /** Ends everything, in the reverse order of the start. Repeatable. */
  stop(): Promise<void>;
}

/** Errors: a stack of this folder runs already; a server that does not start (the others are stopped again then). */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dir = resolve(options.dir);
  mkdirSync(join(dir, 'logs'), { recursive: true });
  const lock = takeLock(join(dir, 'lock'));
  const kept: KeptAlive[] = [];
  let file: StackFile | null = null;
  const write = (change: Partial<StackFile>) => {
    if (file) writeStackFile(dir, (file = { ...file, ...change }));
  };
  const stop = once(async () => {
    for (const child of [...kept].reverse()) await child.stop();
    write({ supervisor: null, processes: {}, addresses: null, environment: {} });
    lock.release();
  });
  try {
    await endLeftovers(readStackFile(dir));
    file = await newStackFile(dir);
    const children = createChildren({ ...options, dir }, file.ports);
    for (const { name, start } of children.list) {
      if (name === 'worker') write({ addresses: children.addresses(), environment: children.environment() });
      const recorded = async () => {
        const running = await start();
        write({ processes: { ...file?.processes, [name]: holderOf(running.pid) } });
        return running;
      };
      kept.push(await keepAlive({ name, start: recorded, onEvent: options.onEvent ?? (() => undefined) }));
    }
    const addresses = children.addresses();
    write({ addresses, environment: children.environment() });
    return { addresses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The ports of the last time where they are still free. */
async function newStackFile(dir: string): Promise<StackFile> {
  const last = readStackFile(dir)?.ports;
  const ports = {
    temporal: await freePort(last?.temporal),
    temporalUi: await freePort(last?.temporalUi),
    simulator: await freePort(last?.simulator),
  };
  return { ports, environment: {}, addresses: null, supervisor: holderOf(process.pid), processes: {} };
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= action());
}
