/** Opens a session with the ledger and Temporal. The Temporal client is loaded when a command first calls it. */
import type { Executions } from '../client/executions.ts';
import { type Config, loadConfig } from '../config/config.ts';
import type { Env } from '../config/reader.ts';
import { DEFAULT_TEMPORAL_ADDRESS, TemporalSettingsError } from '../config/temporal.ts';
import { openLedger } from '../ledger/ledger.ts';
import { refuseOtherTenant } from '../ledger/tenant.ts';
import { readStack, withStack } from '../stack/stack-file.ts';
import type { Cli, Session, SessionClient } from './cli.ts';
import { MissingAddress, Unreachable } from './errors.ts';
import { waitUntilPrepared } from './prepared.ts';
import { announceWait } from './terminal/announce-wait.ts';

const MAX_CONNECTIONS = 4;

type SessionOptions = Pick<Cli, 'env' | 'stackDir' | 'command' | 'stderr'>;

/** Waits for the ledger to be prepared. Throws ConfigError, MissingAddress, NotMigrated, OtherTenant. */
export async function openPreparedSession(cli: SessionOptions): Promise<Session> {
  const session = openSession(cli);
  try {
    await waitUntilPrepared(session.ledger, cli);
    // Commands need no settings of CXone, but those they have must not be of another tenant.
    await refuseOtherTenant(session.ledger.tenant, session.config.cxone.tenant);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Throws ConfigError, MissingAddress. */
export function openSession(cli: SessionOptions): Session {
  const env = withStack(cli.stackDir, cli.env);
  const config = loadConfig(env);
  const databaseUrl = requireDatabase(config, cli.command);
  const ledger = openLedger(databaseUrl, MAX_CONNECTIONS, { pepper: config.pepper?.reveal() });
  const address = config.temporalAddress ?? DEFAULT_TEMPORAL_ADDRESS;
  const loadClient = () => import('../client.ts');
  const connection = createConnection(async () => {
    const { createClient } = await loadClient();
    const { connectTemporal } = await import('../client/connection.ts');
    const temporal = await connectTemporal(env).catch((error: unknown) => {
      if (error instanceof TemporalSettingsError) throw error;
      throw new Unreachable(`Temporal at ${address} does not answer`, cli.command, error);
    });
    return { ...createClient({ temporal, ledger }), temporal };
  });
  const uiEnv = { ...env, TEMPORAL_ADDRESS: config.temporalAddress ?? undefined };
  const uiUrl = findWebUiUrl(uiEnv, readStack(cli.stackDir)?.addresses ?? null);
  return {
    config,
    ledger,
    async client() {
      await loadClient();
      // Connecting can take ten seconds.
      return announceWait(connection.open(), cli, `connecting to Temporal at ${address} …`);
    },
    executions: createLazyExecutions(connection.open),
    link: (runId) => uiUrl && webUiLink(uiUrl, config.temporalNamespace, runId),
    async close() {
      await ledger.close();
      await connection.close();
    },
  };
}

/** Shares one connection among all calls; after a failure the next call connects again. */
function createConnection(connect: () => Promise<SessionClient>) {
  let connecting: Promise<SessionClient> | null = null;
  const open = (): Promise<SessionClient> => {
    connecting ??= connect().catch((error: unknown) => {
      connecting = null;
      throw error;
    });
    return connecting;
  };
  const close = async (): Promise<void> => {
    await connecting?.then(({ temporal }) => temporal.connection.close()).catch(() => undefined);
  };
  return { open, close };
}

function createLazyExecutions(open: () => Promise<SessionClient>): Executions {
  let loading: Promise<Executions> | null = null;
  const load = () => {
    loading ??= import('../client/executions.ts').then(({ createExecutions }) => createExecutions(open));
    return loading;
  };
  return {
    status: async (runId) => (await load()).status(runId),
    failure: async (runId) => (await load()).failure(runId),
    findWorker: async (runId) => (await load()).findWorker(runId),
  };
}

/** Throws MissingAddress. */
export function requireDatabase({ databaseUrl }: Pick<Config, 'databaseUrl'>, command: string): string {
  if (databaseUrl === null) throw new MissingAddress('database', 'DATABASE_URL', command);
  return databaseUrl;
}

interface UiAddresses {
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
}

/** TEMPORAL_UI_URL, the UI of the stack, or the default port next to a local server on its default port. */
export function findWebUiUrl(env: Env, stack: UiAddresses | null): string | null {
  if (env.TEMPORAL_UI_URL) return env.TEMPORAL_UI_URL.replace(/\/+$/, '');
  const address = env.TEMPORAL_ADDRESS ?? DEFAULT_TEMPORAL_ADDRESS;
  if (stack?.temporalAddress === address) return stack.temporalUiUrl;
  const [, host] = /^(localhost|127\.0\.0\.1|\[::1\]):7233$/.exec(address) ?? [];
  return host === undefined ? null : `http://${host}:8233`;
}

export function webUiLink(uiUrl: string, namespace: string, runId: string): string {
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(runId)}`;
}
