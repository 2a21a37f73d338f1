/** The embedded stack on the terminal: started with a word about each part, stopped on Ctrl-C. */
import { join, relative } from 'node:path';
import { openLedger } from '../../ledger/ledger.ts';
import type { StackEvent } from '../../stack/keep-alive.ts';
import type { StackAddresses } from '../../stack/stack-file.ts';
import type { Cli, Output } from '../cli.ts';
import { renderTable } from '../terminal/table.ts';

export interface StackWishes {
  readonly simulator: boolean;
  readonly worker: boolean;
}

export interface CliStack {
  readonly addresses: StackAddresses;
  stop(): Promise<void>;
}

/** Errors: a stack of this folder runs already; a server that does not start. */
export async function startCliStack(cli: Cli, wishes: StackWishes, output: Output): Promise<CliStack> {
  const { startStack } = await import('../../stack/dev.ts');
  let ending = false;
  const stack = await startStack({
    dir: cli.stackDir,
    ...wishes,
    env: cli.env,
    log: (line) => output.say(`  ${line}`),
    onEvent: (event) => {
      const line = eventLine(event, relative(cli.cwd, cli.stackDir));
      if (line !== null && !ending) output.say(line);
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
      ending = true;
      output.say('stopping …');
      await stack.stop();
    },
  };
}

/** What follows at once must find the tables, and the worker may still be on its way. */
async function prepareDatabase(databaseUrl: string): Promise<void> {
  const ledger = openLedger(databaseUrl, 1);
  await ledger.migrate().finally(() => ledger.close());
}

/** null: nothing that a reader has to know. */
export function eventLine(event: StackEvent, dir: string): string | null {
  const log = `see ${join(dir, 'logs', `${event.name}.log`)}`;
  switch (event.type) {
    case 'started':
      return event.restarts === 0
        ? `  ${event.name} runs`
        : `  ${event.name} runs again (process ${event.pid})`;
    case 'died':
      return `  ${event.name} ended (${event.exit.signal ?? `code ${event.exit.code}`}); it is started again`;
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
      ['PostgreSQL', withoutPassword(databaseUrl)],
      ...(simulatorUrl ? [['CXone (simulator)', simulatorUrl]] : []),
    ],
  );
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password) parsed.password = '…';
  return decodeURI(parsed.href);
}

export interface Interruption {
  /** Resolves with the first Ctrl-C, SIGTERM or closed terminal. */
  readonly came: Promise<void>;
  hasCome(): boolean;
  /** From now on a signal ends the process, as ever. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function awaitInterruption(): Interruption {
  let come = false;
  let resolve: () => void = () => undefined;
  const came = new Promise<void>((done) => (resolve = done));
  const interrupt = () => {
    come = true;
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return {
    came,
    hasCome: () => come,
    release: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}

/** A timer keeps the process alive: a promise that waits for a signal does not. */
export async function untilInterrupted({ came }: Interruption): Promise<void> {
  const alive = setInterval(() => undefined, 60_000);
  await came;
  clearInterval(alive);
}
