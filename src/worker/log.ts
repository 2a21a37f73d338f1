/** The worker's log: JSON lines on stdout, without personal data. */
import { type Logger, pino } from 'pino';

export type { Logger };

export function createLog(): Logger {
  return pino({
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  });
}

const MAX_FRAMES = 8;

/** An allow-list, because errors may carry requests, rows and tokens (docs/adr/0020-one-attempt.md#errors-carry-no-payload). */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, stack } = error;
  const code = 'code' in error ? error.code : undefined;
  const frames = stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_FRAMES);
  return {
    name,
    ...(code !== undefined && { code }),
    message: hasSafeMessage(error) ? error.message : undefined,
    frames,
  };
}

/** Our own messages and Temporal's contain no personal data; those of a database or a parser may quote a row. */
function hasSafeMessage(error: Error): boolean {
  return /^(Cxone|Source|RateWait|Lease|ConfigError|TransportError|ServiceError|ActivityFailure|ApplicationFailure)/.test(
    error.name,
  );
}
