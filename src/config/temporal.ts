/**
 * How worker, client, doctor and stack reach Temporal: its SDK's configuration, that is the variables TEMPORAL_… over a
 * profile of a configuration file (docs/settings.md#temporal).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Envconfig from '@temporalio/envconfig';
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import type { Env } from './reader.ts';

export const DEFAULT_TEMPORAL_ADDRESS = 'localhost:7233';
export const DEFAULT_TEMPORAL_NAMESPACE = 'default';

export interface TemporalSettings {
  readonly namespace: string;
  /** For Temporal's Connection and NativeConnection: address, TLS, API key and metadata. */
  readonly connectionOptions: ReturnType<typeof Envconfig.loadClientConnectConfig>['connectionOptions'] & {
    readonly address: string;
  };
}

/** The profile does not exist, or a file that it or a variable names cannot be read. */
export class TemporalSettingsError extends Error {
  override readonly name = 'TemporalSettingsError';
  readonly next = 'check TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE and the files that TEMPORAL_TLS_* name';
  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`the settings of Temporal cannot be read: ${why}`, { cause });
  }
}

/** Throws TemporalSettingsError. */
export function loadTemporal(env: Env): TemporalSettings {
  const { namespace, connectionOptions } = loadConnectConfig(env);
  return {
    namespace: namespace ?? DEFAULT_TEMPORAL_NAMESPACE,
    connectionOptions: {
      ...connectionOptions,
      address: connectionOptions.address ?? DEFAULT_TEMPORAL_ADDRESS,
    },
  };
}

/**
 * What `loadConfig` knows of a profile; empty if there is none. A profile that cannot be read is ignored here, because
 * commands that do not connect to Temporal work without it. Those that connect call `loadTemporal`, which reports it.
 */
export function readTemporalProfile(env: Env): { temporalAddress?: string; temporalNamespace?: string } {
  if (!mayHaveProfile(env)) return {};
  try {
    const { namespace, connectionOptions } = loadTemporal(env);
    return { temporalAddress: connectionOptions.address, temporalNamespace: namespace };
  } catch {
    return {};
  }
}

function loadConnectConfig(env: Env) {
  // An empty variable counts as unset, as everywhere, but an empty TEMPORAL_GRPC_META_… removes metadata of the profile.
  const variables = Object.entries(env)
    .map(([name, value = '']) => [name, value.trim()] as const)
    .filter(([name, value]) => value !== '' || name.startsWith('TEMPORAL_GRPC_META_'));
  for (const [name, value] of variables) {
    const problem = name.startsWith('TEMPORAL_') ? textProblem(value, TEXT_RULES.pem) : null;
    if (problem !== null) throw new TemporalSettingsError(new Error(`${name} ${problem}`));
  }
  try {
    return loadSdk().loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(variables) });
  } catch (error) {
    throw new TemporalSettingsError(error);
  }
}

/** Loaded when it is needed, because most commands only read the ledger and should start fast. */
function loadSdk(): typeof Envconfig {
  return createRequire(import.meta.url)('@temporalio/envconfig') as typeof Envconfig;
}

/** Where the SDK looks for a configuration file, on all systems. */
const PLACES = [
  ['XDG_CONFIG_HOME', ''],
  ['HOME', '.config'],
  ['HOME', 'Library/Application Support'],
  ['APPDATA', ''],
] as const;

function mayHaveProfile(env: Env): boolean {
  if (env.TEMPORAL_PROFILE || env.TEMPORAL_CONFIG_FILE) return true;
  return PLACES.some(([variable, folder]) => {
    const start = env[variable];
    return Boolean(start) && existsSync(join(start ?? '', folder, 'temporalio', 'temporal.toml'));
  });
}
