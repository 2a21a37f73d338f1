/** Stages a file, starts the preference update and follows it until it ends. */
import { omitUndefined } from '../../domain/absent.ts';
import { type Cli, withSession } from '../cli.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openOutput } from '../terminal/output.ts';
import type { SourceRunOptions } from './options.ts';
import {
  findRunToRetry,
  openRunSource,
  requireInput,
  requireOneSource,
  startAndFollow,
  toCommonInput,
} from './start-run.ts';

export interface UpdateOptions extends SourceRunOptions {
  readonly guard?: boolean;
}

/** Throws UsageError, InputError, SourceError, RunNotFound, Unreachable. */
export async function updatePreferences(
  cli: Cli,
  file: string | undefined,
  options: UpdateOptions,
): Promise<ExitCode> {
  const output = openOutput(cli, options.json);
  requireOneSource(file, options, 'send');
  return withSession(cli, async (session) => {
    const earlier = await findRunToRetry(cli, session, options);
    const input = { ...omitUndefined({ guard: options.guard }), ...toCommonInput(options) };
    requireInput('preferenceUpdate', input, options);
    const source = await openRunSource(
      session,
      { file, earlier, stdin: cli.stdin },
      options,
      { operation: 'preferenceUpdate' },
      output,
    );
    const client = await session.client();
    const start = () =>
      client.startPreferenceUpdate({ ...input, source }, omitUndefined({ runId: options.id }));
    const againHint = 'To send it again, add --again.';
    return startAndFollow({ start, cli, session, output, options, againHint });
  });
}
