/** Follows a run that was started elsewhere. */
import { type Cli, withSession } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openOutput } from '../terminal/output.ts';
import { watchUntilEnd } from '../watching/watch.ts';

/** Throws RunNotFound. */
export async function watchRun(
  cli: Cli,
  runId: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, (session) =>
    watchUntilEnd(runId, { cli, session, output: openOutput(cli, json), json }),
  );
}
