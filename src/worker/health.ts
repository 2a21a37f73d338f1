/**
 * Answers health checks over HTTP: 200 while the worker takes tasks, otherwise 503. An outage of a server leaves it at 200,
 * because the worker survives it by itself, and a restart would not help.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface Health {
  /** `state`: that of Temporal's worker. Until then the state is `WAITING`, for the servers. */
  follow(state: () => string): void;
  close(): Promise<void>;
}

/** Listens on all addresses, because a container is asked from outside. Errors: the port is in use. */
export async function answerHealthChecks(port: number): Promise<Health & { readonly port: number }> {
  let current = () => 'WAITING';
  const server = createServer((_, response) => {
    const state = current();
    response.writeHead(state === 'RUNNING' ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ state })}\n`);
  });
  server.listen(port);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    follow: (state) => void (current = state),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
