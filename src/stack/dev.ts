/**
 * The supervisor of `cxflow dev` (docs/adr/0001-embedded-postgresql.md#cxflow-dev): starts PostgreSQL, Temporal, the
 * simulator and a worker on this machine, restarts them when they exit, and stops them in the reverse order. A server that
 * DATABASE_URL, TEMPORAL_ADDRESS or CXONE_API_URL names is used instead of starting one.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createChildren, findNeededPackages, type StackOptions } from './children.ts';
import { type KeptAlive, keepAlive } from './keep-alive.ts';
import { stopLeftovers } from './leftovers.ts';
import { processRef, takeLock } from './lock.ts';
import { requirePackages } from './packages.ts';
import { freePort } from './ports.ts';
import { readStackFile, type StackAddresses, type StackFile, writeStackFile } from './stack-file.ts';

export interface Stack {
  readonly addresses: StackAddresses;
  /** Stops all processes, in the reverse order of their start. May be called repeatedly. */
  stop(): Promise<void>;
}

/**
 * Errors: MissingPackages, before anything starts; a stack is already running for this folder; a server does not start (the
 * others are stopped then).
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  requirePackages(await findNeededPackages(options));
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
    // The folder may have been deleted meanwhile.
    if (existsSync(dir)) write({ supervisor: null, processes: {}, addresses: null, environment: {} });
    lock.release();
  });
  try {
    await stopLeftovers(readStackFile(dir));
    file = await newStackFile(dir);
    const children = createChildren({ ...options, dir }, file.ports);
    for (const { name, start } of children.list) {
      if (name === 'worker') write({ addresses: children.addresses(), environment: children.environment() });
      const recorded = async () => {
        const running = await start();
        write({ processes: { ...file?.processes, [name]: processRef(running.pid) } });
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

/** The same ports as last time, if they are still free. */
async function newStackFile(dir: string): Promise<StackFile> {
  const last = readStackFile(dir)?.ports;
  const ports = {
    temporal: await freePort(last?.temporal),
    temporalUi: await freePort(last?.temporalUi),
    simulator: await freePort(last?.simulator),
  };
  return { ports, environment: {}, addresses: null, supervisor: processRef(process.pid), processes: {} };
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= action());
}
