/** All examinations, in the order in which they depend on each other. They only read. */
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from '../../config/config.ts';
import type { Env } from '../../config/reader.ts';
import { readStack, withStack } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { locateProblem } from '../errors.ts';
import { examineCxone } from './cxone.ts';
import { examineDatabase } from './database.ts';
import { type Finding, ok, problem } from './finding.ts';
import { type Examination, guarded } from './guarded.ts';
import { examineDisk, examineNode, examineSourceDir } from './machine.ts';
import { examineTemporal } from './temporal.ts';
import { examineWebhooks } from './webhooks.ts';

export async function* examine(cli: Cli): AsyncIterable<Finding> {
  const env = withStack(cli.stackDir, cli.env);
  yield examineNode(process.versions.node);
  const stack = readStack(cli.stackDir);
  if (stack) yield ok('stack', `\`${cli.command} dev\` runs in this folder (${cli.stackDir})`);
  const { config, findings } = examineSettings(env, cli.envOrigins);
  yield* findings;
  if (config !== null) {
    for (const examination of serverExaminations(cli, env, config)) yield* guarded(examination);
  }
  const next = `check that ${cli.cwd} exists`;
  yield* guarded({ name: 'disk', next, examine: () => examineDataDisk(cli, env) });
}

function serverExaminations(cli: Cli, env: Env, config: Config): readonly Examination[] {
  return [
    {
      name: 'database',
      next: 'check DATABASE_URL',
      examine: () => examineDatabase(config, cli.command),
    },
    {
      name: 'Temporal',
      next: 'check TEMPORAL_ADDRESS, TEMPORAL_PROFILE and the files that TEMPORAL_TLS_* name',
      examine: () => examineTemporal(env, config, cli.command),
    },
    { name: 'CXone', next: 'check the settings CXONE_*', examine: () => examineCxone(env, config) },
    { name: 'webhooks', next: 'check CRM_WEBHOOK_URL', examine: () => examineWebhooks(config) },
    {
      name: 'source folder',
      next: 'check CXFLOW_SOURCE_DIR',
      examine: () => examineSourceDir(config.sourceDir),
    },
  ];
}

/** The embedded database can be on another disk (docs/adr/0001-embedded-postgresql.md#where-the-binaries-and-the-data-live). */
function examineDataDisk({ stackDir, cwd }: Cli, env: Env): Promise<Finding> {
  const embedded = readStack(stackDir)?.addresses?.databaseUrl;
  const isEmbedded = embedded !== undefined && embedded === env.DATABASE_URL;
  return isEmbedded
    ? examineDisk(join(stackDir, 'postgres'), 'embedded database')
    : examineDisk(cwd, 'this folder');
}

function examineSettings(
  env: Env,
  origins: Cli['envOrigins'],
): { config: Config | null; findings: readonly Finding[] } {
  try {
    return { config: loadConfig(env), findings: [ok('settings', 'all settings are valid')] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map((line) =>
      problem('settings', ...splitProblem(locateProblem(line, origins))),
    );
    return { config: null, findings };
  }
}

/** `NAME what is wrong: what to do` */
function splitProblem(line: string): [what: string, next: string] {
  const at = line.lastIndexOf(': ');
  return at < 0 ? [line, 'correct it'] : [line.slice(0, at), line.slice(at + 2)];
}
