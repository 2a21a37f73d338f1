/** Temporal's runtime, of which each process has one. */
import { DefaultLogger, type LogEntry, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { describeError, type Logger } from './log.ts';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Sends Temporal's log entries to our log, and leaves signals to us: a worker drains before it shuts down. */
export function installRuntime(log: Logger): void {
  const write = ({ level, message, meta }: LogEntry): void => {
    const fields = (meta ?? {}) as Record<string, unknown>;
    const line = log[PINO_LEVELS[level]].bind(log);
    line('error' in fields ? { ...fields, error: describeError(fields.error) } : fields, message);
  };
  Runtime.install({
    logger: new DefaultLogger('WARN', write),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
}
