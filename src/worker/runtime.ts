/** Temporal's runtime, of which each process has one. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { DefaultLogger, type LogEntry, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { describeError, type Logger } from './log.ts';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/**
 * Sends Temporal's log entries to our log, and leaves signals to us: a worker drains before it shuts down. `withMetrics`: the SDK
 * publishes its metrics on loopback. Returns their URL, or null.
 */
export async function installRuntime(log: Logger, { withMetrics = false } = {}): Promise<string | null> {
  const write = ({ level, message, meta }: LogEntry): void => {
    const fields = (meta ?? {}) as Record<string, unknown>;
    const line = log[PINO_LEVELS[level]].bind(log);
    line('error' in fields ? { ...fields, error: describeError(fields.error) } : fields, message);
  };
  const bindAddress = withMetrics ? `127.0.0.1:${await findFreePort()}` : null;
  Runtime.install({
    logger: new DefaultLogger('WARN', write),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
      ...(bindAddress !== null && { metrics: { prometheus: { ...NAMING, bindAddress } } }),
    },
  });
  return bindAddress && `http://${bindAddress}/metrics`;
}

/** By Prometheus's conventions. */
const NAMING = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } as const;

/** The SDK does not say which port it has taken, so it is given one. If another process takes it first, the worker does not start. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
