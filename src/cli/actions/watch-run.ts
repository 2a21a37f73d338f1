/** Follows a run that was started elsewhere. */
import { type Cli, withSession } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openOutput } from '../terminal/output.ts';
import { watchUntilEnd } from '../watching/watch.ts';
import { findRunId } from './find-run.ts';

/** Throws UsageError, RunNotFound. */
export async function watchRun(
  cli: Cli,
  given: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const runId = await findRunId(cli, session, given);
    return watchUntilEnd(runId, { cli, session, output: openOutput(cli, json), json });
  });
}
