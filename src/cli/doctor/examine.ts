/** The doctor's round, in the order in which things depend on each other. It only reads. */
import { type Config, ConfigError, loadConfig } from '../../config.ts';
import { readStack } from '../../stack/stack-file.ts';
import type { Cli } from '../cli.ts';
import { sessionEnvironment } from '../session.ts';
import { examineCxone } from './cxone.ts';
import { examineDatabase } from './database.ts';
import { type Finding, ok, problem } from './finding.ts';
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
  if (config !== null) {
    yield* examineDatabase(config, cli.command);
    yield* examineTemporal(env, config, cli.command);
    yield* examineCxone(env, config);
    yield* examineWebhooks(config);
    yield await examineSourceDir(config.sourceDir);
  }
  yield await examineDisk(cli.cwd);
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
