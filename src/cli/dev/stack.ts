/** The embedded stack on the terminal: prints what starts, and stops all of it on Ctrl-C. */
import { join, relative } from 'node:path';
import { openLedger } from '../../ledger/ledger.ts';
import { startStack } from '../../stack/dev.ts';
import type { StackEvent } from '../../stack/keep-alive.ts';
import type { StackAddresses } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import type { Output } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';

/** The parts that can be left out. */
export interface StackParts {
  readonly simulator: boolean;
  readonly worker: boolean;
}

export interface CliStack {
  readonly addresses: StackAddresses;
  stop(): Promise<void>;
}

/** Throws if a stack already runs in this folder, or if a server does not start. */
export async function startCliStack(cli: Cli, parts: StackParts, output: Output): Promise<CliStack> {
  let isStopping = false;
  const stack = await startStack({
    dir: cli.stackDir,
    ...parts,
    env: cli.env,
    log: (line) => output.print(`  ${line}`),
    onEvent: (event) => {
      const line = renderEvent(event, relative(cli.cwd, cli.stackDir));
      if (line !== null && !isStopping) output.print(line);
    },
  });
  try {
    await prepareDatabase(stack.addresses.databaseUrl);
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return {
    addresses: stack.addresses,
    async stop() {
      isStopping = true;
      output.print('stopping …');
      await stack.stop();
    },
  };
}

/** The next command needs the tables, and the worker may not have created them yet. */
async function prepareDatabase(databaseUrl: string): Promise<void> {
  const ledger = openLedger(databaseUrl, 1);
  await ledger.migrate().finally(() => ledger.close());
}

/** Null if the event is of no interest to the user. */
function renderEvent(event: StackEvent, dir: string): string | null {
  const log = `see ${join(dir, 'logs', `${event.name}.log`)}`;
  switch (event.type) {
    case 'started':
      return event.restarts === 0
        ? `  ${event.name} is running`
        : `  ${event.name} is running again (process ${event.pid})`;
    case 'died':
      return `  ${event.name} ended (${event.exit.signal ?? `code ${event.exit.code}`}) and is restarted`;
    case 'failed':
      return `  ${event.name} did not start: ${event.message}; trying again; ${log}`;
    case 'stopped':
      return null;
  }
}

export function renderAddresses(addresses: StackAddresses): string {
  const { temporalAddress, temporalUiUrl, databaseUrl, simulatorUrl } = addresses;
  return renderTable(
    [{}, {}],
    [
      ['Temporal', temporalAddress],
      ...(temporalUiUrl ? [['Web UI', temporalUiUrl]] : []),
      ['PostgreSQL', hidePassword(databaseUrl)],
      ...(simulatorUrl ? [['CXone (simulator)', simulatorUrl]] : []),
    ],
  );
}

function hidePassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password) parsed.password = '…';
  return decodeURI(parsed.href);
}

export interface Interruption {
  /** Resolves on the first Ctrl-C, SIGTERM or closed terminal. */
  readonly came: Promise<void>;
  hasCome(): boolean;
  /** From then on a signal ends the process as usual. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function listenForInterruption(): Interruption {
  let hasCome = false;
  let resolve: () => void = () => undefined;
  const came = new Promise<void>((done) => (resolve = done));
  const interrupt = () => {
    hasCome = true;
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return {
    came,
    hasCome: () => hasCome,
    release: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}

/** The timer keeps the process alive, which a promise alone does not. */
export async function untilInterrupted({ came }: Interruption): Promise<void> {
  const keepAlive = setInterval(() => undefined, 60_000);
  await came;
  clearInterval(keepAlive);
}
