/** The way to the ledger and to Temporal, found in the environment or in the stack that runs in this folder. */
import { type CxflowClient, connect } from '../client.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type Ledger, openLedger } from '../ledger/ledger.ts';
import { readStack, withStack } from '../stack/stack-file.ts';
import type { Cli, Env } from './cli.ts';
import { MissingAddress, Unreachable } from './errors.ts';
import { createExecutions, type Executions } from '../client/executions.ts';

export interface Session {
  readonly config: Config;
  readonly ledger: Ledger;
  /** Connects to Temporal when first called. Errors: Unreachable; the next call tries again. */
  client(): Promise<CxflowClient>;
  /** What Temporal says of a run, for following one. */
  readonly executions: Executions;
  /** The run in Temporal's Web UI, where its address is known. */
  link(runId: string): string | null;
  close(): Promise<void>;
}

const CONNECTIONS = 4;

export function openSession(cli: Pick<Cli, 'env' | 'stackDir' | 'command' | 'stderr'>): Session {
  const env = sessionEnvironment(cli);
  const config = loadConfig(env);
  const databaseUrl = requireDatabase(config, cli.command);
  const ledger = openLedger(databaseUrl, CONNECTIONS, config.pepper?.reveal() ?? null);
  const address = config.temporalAddress ?? 'localhost:7233';
  let connecting: Promise<CxflowClient> | null = null;
  const connectQuietly = () => {
    connecting ??= connect({ databaseUrl, env, pepper: config.pepper?.reveal() ?? null }).catch(
      (error: unknown) => {
        connecting = null;
        throw new Unreachable(`Temporal at ${address} does not answer`, cli.command, error);
      },
    );
    return connecting;
  };
  const client = () => sayingSo(connectQuietly(), cli, address);
  const uiUrl = webUiUrl(env, readStack(cli.stackDir)?.addresses ?? null);
  return {
    config,
    ledger,
    client,
    executions: createExecutions(connectQuietly),
    link: (runId) => uiUrl && webUiLink(uiUrl, config.temporalNamespace, runId),
    async close() {
      await ledger.close();
      await connecting?.then((connected) => connected.close()).catch(() => undefined);
    },
  };
}

const PATIENCE_MS = 2_000;

/** Ten seconds of silence look like a hang. */
async function sayingSo<T>(
  connecting: Promise<T>,
  { stderr }: Pick<Cli, 'stderr'>,
  address: string,
): Promise<T> {
  const timer = setTimeout(() => stderr.write(`connecting to Temporal at ${address} …\n`), PATIENCE_MS);
  return connecting.finally(() => clearTimeout(timer));
}

/** Errors: MissingAddress. */
export function requireDatabase({ databaseUrl }: Pick<Config, 'databaseUrl'>, command: string): string {
  if (databaseUrl === null) throw new MissingAddress('database', 'DATABASE_URL', command);
  return databaseUrl;
}

/** The environment first, then what the stack of this folder says. */
export function sessionEnvironment({ env, stackDir }: Pick<Cli, 'env' | 'stackDir'>): Env {
  const merged = withStack(stackDir, env);
  // A secret in a file is an address that the environment names, too.
  return env.DATABASE_URL_FILE ? { ...merged, DATABASE_URL: env.DATABASE_URL } : merged;
}

interface UiAddresses {
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
}

/** TEMPORAL_UI_URL, the stack's own, or the usual port beside the usual port of a server on this machine. */
export function webUiUrl(env: Env, stack: UiAddresses | null): string | null {
  if (env.TEMPORAL_UI_URL) return env.TEMPORAL_UI_URL.replace(/\/+$/, '');
  const address = env.TEMPORAL_ADDRESS ?? 'localhost:7233';
  if (stack?.temporalAddress === address) return stack.temporalUiUrl;
  const [, host] = /^(localhost|127\.0\.0\.1|\[::1\]):7233$/.exec(address) ?? [];
  return host === undefined ? null : `http://${host}:8233`;
}

export function webUiLink(uiUrl: string, namespace: string, runId: string): string {
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(runId)}`;
}
