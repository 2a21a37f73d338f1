/** Composition root of the command line: argv → a command → an exit code. `bin/cxflow.js` calls `main`. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import type { Env } from '../config/reader.ts';
import { checkArguments } from './arguments.ts';
import type { Cli } from './cli.ts';
import { describeError, locateProblem, renderError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { CLI_OPERATIONS } from './operations.ts';
import { createProgram, findCommand } from './program.ts';
import { flushed, printJson, writeText } from './terminal/output.ts';
import { sanitize } from './terminal/sanitize.ts';

/** `argv` without node and the script. Never throws. */
export async function main(argv: readonly string[], env: Env = process.env): Promise<ExitCode> {
  // A reader that has seen enough, such as `| head`, is no error.
  let failure: Error | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    failure ??= error;
  });
  const code = await run(argv, createCli(env), (error) => error === failure);
  await flushed(process.stdout);
  return failure === null ? code : reportLostOutput(failure, code);
}

/** Once, although every text after the first may fail as well: a worker, for example, works on with its disk full. */
async function reportLostOutput(failure: Error, code: ExitCode): Promise<ExitCode> {
  const { describeFailure } = await import('./terminal/output-stream.ts');
  const text = renderError({
    type: failure.name,
    message: `standard output is incomplete: ${describeFailure(failure)}`,
    next: 'do not use what was written of it. Make room, or have it written elsewhere',
    code: EXIT.failed,
  });
  writeText(process.stderr, `${text}\n`);
  return code === EXIT.ok ? EXIT.failed : code;
}

/** `isReported`: an error about which something is said elsewhere. */
export async function run(
  argv: readonly string[],
  cli: Cli,
  isReported: (error: unknown) => boolean = () => false,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(cli, (finished) => (code = finished));
  try {
    checkArguments(argv);
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (isReported(error)) return EXIT.failed;
    return reportError(error, cli, { called: findCommand(program, argv), json: argv.includes('--json') });
  }
}

export function createCli(env: Env): Cli {
  const cli = {
    env: { ...env },
    envOrigins: new Map<string, string>(),
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stackDir: join(process.cwd(), '.cxflow'),
    command: env.npm_command ? 'npx cxflow' : 'cxflow',
    login: findLogin(env),
    operations: CLI_OPERATIONS,
    ...(process.stdin.isTTY && process.stdout.isTTY && { ask }),
  };
  return {
    ...cli,
    async openSession() {
      const { openPreparedSession } = await import('./session.ts');
      return openPreparedSession(cli);
    },
  };
}

async function ask(
  question: string,
  signal: AbortSignal,
  stream: NodeJS.WritableStream = process.stdout,
): Promise<string | null> {
  const { askOnTerminal } = await import('./terminal/prompt.ts');
  return askOnTerminal(sanitize(question), process.stdin, stream, signal);
}

/** In a container, the user id may not have a name. */
function findLogin(env: Env): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER ?? env.LOGNAME ?? 'unknown';
  }
}

interface FailedCommand {
  readonly called: string;
  readonly json: boolean;
}

function reportError(error: unknown, cli: Cli, { called, json }: FailedCommand): ExitCode {
  // Commander ends `--help` and `--version` with an error as well, after it has printed them.
  if (error instanceof CommanderError && /^commander\.(help|version)/.test(error.code)) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const { code, ...found } = describeError(
    error,
    cli.command,
    [cli.command, called].filter(Boolean).join(' '),
  );
  const problems = found.problems?.map((problem) => locateProblem(problem, cli.envOrigins));
  const described = { ...found, ...(problems && { problems }) };
  const trace = cli.env.CXFLOW_DEBUG && error instanceof Error ? `\n${error.stack}` : '';
  writeText(cli.stderr, `${renderError({ ...described, code })}${trace}\n`);
  if (json) printJson(cli, { error: described });
  return code;
}
