/**
 * Answers over HTTP what a container's runtime and Prometheus ask a worker. An outage of a server leaves it ready, because the
 * worker survives it by itself, and a restart would not help.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Monitoring } from './monitoring.ts';

export interface Health {
  /** `state`: that of Temporal's worker. Until then the state is `WAITING`, for the servers. */
  follow(state: () => string): void;
  close(): Promise<void>;
}

/** Listens on all addresses, because a container is asked from outside. Errors: the port is in use. */
export async function answerHealthChecks(
  port: number,
  render: Monitoring['render'],
): Promise<Health & { readonly port: number }> {
  let current = () => 'WAITING';
  const isRunning = () => current() === 'RUNNING';
  const answerState = (response: ServerResponse, isHealthy: boolean) => {
    response.writeHead(isHealthy ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ state: current() })}\n`);
  };
  const answerMetrics = async (response: ServerResponse) => {
    const { contentType, text } = await render({ isRunning: isRunning() });
    response.writeHead(200, { 'content-type': contentType }).end(text);
  };
  const server = createServer(({ url = '/' }, response) => {
    const path = url.replace(/\?.*/s, '');
    if (path === '/livez') answerState(response, true);
    else if (path === '/readyz' || path === '/') answerState(response, isRunning());
    else if (path === '/metrics') void answerMetrics(response).catch(() => response.destroy());
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('/livez, /readyz, /metrics\n');
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
