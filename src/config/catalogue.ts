/** All settings in one list, and the server that each variable leads to. */
import { FAMILY_NAMES } from '../cxone/families.wire.ts';
import { COMMON, familyVariables, SITE } from './families.ts';
import type { Server, Setting, Settings } from './setting.ts';
import {
  ALLOW_LOOPBACK,
  CXONE,
  LEDGER,
  LOAD,
  SOURCE_LIMITS,
  SOURCES,
  TEMPORAL,
  WEBHOOK_HOSTS,
  webhookSettings,
} from './settings.ts';

const GROUPS: readonly Settings[] = [
  ...[LEDGER, TEMPORAL, LOAD, SOURCES, SOURCE_LIMITS, COMMON, SITE, CXONE],
  ...FAMILY_NAMES.map(familyVariables),
  ...[webhookSettings({ allowLoopback: false, hosts: null }), { WEBHOOK_HOSTS, ALLOW_LOOPBACK }],
];

/** Those of the families under the names of each family. */
export const SETTINGS: readonly Setting<unknown>[] = GROUPS.flatMap((group) => Object.values(group));

/** The names under which a setting is read. */
export function variablesOf({ name, alias, isSecret }: Setting<unknown>): readonly string[] {
  const names = alias === undefined ? [name] : [name, alias];
  return isSecret ? names.flatMap((each) => [each, `${each}_FILE`]) : names;
}

const SERVERS = new Map(
  SETTINGS.flatMap((setting) => variablesOf(setting).map((name) => [name, setting.server] as const)),
);

/** The server that a variable locates or logs in to, or null. Variables that Temporal's SDK reads are included. */
export function serverOf(variable: string): Server | null {
  if (SERVERS.has(variable)) return SERVERS.get(variable) ?? null;
  // TEMPORAL_UI_URL is for people: the address of a web page (docs/settings.md).
  return variable.startsWith('TEMPORAL_') && variable !== 'TEMPORAL_UI_URL' ? 'temporal' : null;
}
