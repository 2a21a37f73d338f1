/** The doctor's round, in the order in which things depend on each other. It only reads. */
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from '../../config/config.ts';
import { readStack } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { sessionEnvironment } from '../session.ts';
import { examineCxone } from './cxone.ts';
import { examineDatabase } from './database.ts';
import { type Finding, ok, problem } from './finding.ts';
import { type Examination, guarded } from './guarded.ts';
import { examineDisk, examineNode, examineSourceDir } from './machine.ts';
import { examineTemporal } from './temporal.ts';
import { examineWebhooks } from './webhooks.ts';

export async function* examine(cli: Cli): AsyncIterable<Finding> {
  const env = sessionEnvironment(cli);
  yield examineNode(process.versions.node);
  const stack = readStack(cli.stackDir);
  if (stack) yield ok('stack', `\`${cli.command} dev\` runs in this folder (${cli.stackDir})`);
  const { config, findings } = examineSettings(env);
  yield* findings;
  for (const examination of examinations(cli, env, config)) yield* guarded(examination);
}

function* examinations(cli: Cli, env: Cli['env'], config: Config | null): Iterable<Examination> {
  const { command, cwd } = cli;
  if (config !== null) {
    const { sourceDir } = config;
    const name = 'database';
    yield { name, next: 'check DATABASE_URL', look: () => examineDatabase(config, command) };
    const next = 'check TEMPORAL_ADDRESS, TEMPORAL_PROFILE and the files that TEMPORAL_TLS_* name';
    yield { name: 'Temporal', next, look: () => examineTemporal(env, config, command) };
    yield { name: 'CXone', next: 'check the settings CXONE_*', look: () => examineCxone(env, config) };
    yield { name: 'webhooks', next: 'check CRM_WEBHOOK_URL', look: () => examineWebhooks(config) };
    yield { name: 'source folder', next: 'check CXFLOW_SOURCE_DIR', look: () => examineSourceDir(sourceDir) };
  }
  yield { name: 'disk', next: `look whether ${cwd} is there`, look: () => examineDiskOf(cli, env) };
}

/** The embedded database may lie on another disk than the folder that it belongs to (decisions.md 30). */
function examineDiskOf({ stackDir, cwd }: Cli, env: Cli['env']): Promise<Finding> {
  const own = readStack(stackDir)?.addresses?.databaseUrl;
  const isEmbedded = own !== undefined && own === env.DATABASE_URL;
  return isEmbedded
    ? examineDisk(join(stackDir, 'postgres'), 'embedded database')
    : examineDisk(cwd, 'this folder');
}

function examineSettings(env: Cli['env']): { config: Config | null; findings: readonly Finding[] } {
  try {
    return { config: loadConfig(env), findings: [ok('settings', 'the environment can be read')] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map((line) => problem('settings', ...split(line)));
    return { config: null, findings };
  }
}

/** `NAME what is wrong: what to do` */
function split(line: string): [what: string, next: string] {
  const at = line.lastIndexOf(': ');
  return at < 0 ? [line, 'correct it'] : [line.slice(0, at), line.slice(at + 2)];
}
