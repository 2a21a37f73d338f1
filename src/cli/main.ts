/** Composition root of the CLI: argv → a command → an exit code. `bin/cxflow.js` calls `main`. */
import { CommanderError } from 'commander';
import { type Cli, createCli, type Env, writeJson } from './cli.ts';
import { describeError, renderError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';

/** `argv` without node and script. Never throws; returns the exit code. */
export async function main(argv: readonly string[], env: Env = process.env): Promise<ExitCode> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
  });
  return run(argv, createCli(env));
}

export async function run(argv: readonly string[], cli: Cli): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(cli, (finished) => (code = finished));
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return fail(error, cli, argv.includes('--json'));
  }
}

function fail(error: unknown, cli: Cli, json: boolean): ExitCode {
  // Help and version end here too; they have been written.
  if (error instanceof CommanderError && /^commander\.(help|version)/.test(error.code)) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const { code, ...described } = describeError(error, cli.command);
  const trace = cli.env.CXFLOW_DEBUG && error instanceof Error ? `\n${error.stack}` : '';
  cli.stderr.write(`${renderError({ ...described, code })}${trace}\n`);
  if (json) writeJson(cli, { error: described });
  return code;
}
