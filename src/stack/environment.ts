/**
 * Whose servers a process uses: those that its environment names, or those of a stack. The settings of one server belong
 * together, so they come from one side only. All other settings are passed on as they are.
 */
import { serverOf } from '../config/catalogue.ts';
import type { Env } from '../config/reader.ts';
import type { Server } from '../config/setting.ts';

/** One of these variables in an environment names the server. */
const NAMED_BY: Readonly<Record<Server, readonly string[]>> = {
  ledger: ['DATABASE_URL', 'DATABASE_URL_FILE'],
  temporal: ['TEMPORAL_ADDRESS'],
  cxone: ['CXONE_API_URL'],
};

export function namesServer(env: Env, server: Server): boolean {
  return NAMED_BY[server].some((name) => Boolean(env[name]));
}

/** `env`, with the servers of `stack` where it names none itself. Other variables of `stack` are defaults. */
export function withServers(env: Env, stack: Env): Env {
  const isReplaced = (server: Server) => !namesServer(env, server) && namesServer(stack, server);
  const kept = filterVariables(env, (_, server) => server === null || !isReplaced(server));
  const added = filterVariables(stack, (name, server) => (server ? isReplaced(server) : !env[name]));
  return { ...kept, ...added };
}

/** `env` without addresses, names and credentials of servers. */
export function withoutServers(env: Env): Env {
  return filterVariables(env, (_, server) => server === null);
}

function filterVariables(env: Env, keeps: (name: string, server: Server | null) => boolean): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => keeps(name, serverOf(name))));
}
