/**
 * Keep-alive agents that hand over a socket only once it is connected and its TLS handshake is complete. Until then it is
 * certain that no byte of the request has left.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';

/**
 * Many servers drop idle connections after 5 s. A request written into a connection that is being dropped has an unknown
 * outcome, so connections are closed here first.
 */
const IDLE_MS = 4_000;
const CONNECT_MS = 10_000;

type Connect = (options: object, done?: (error: Error | null, socket?: Socket) => void) => Socket | undefined;

/** No `maxSockets`: the caller limits the requests in flight, and waiting in a queue here would use up their deadlines. */
export function createAgents() {
  const agents = {
    http: whenConnected(new http.Agent({ keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' }), 'connect'),
    https: whenConnected(
      new https.Agent({ keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' }),
      'secureConnect',
    ),
  };
  const close = (): void => {
    agents.http.destroy();
    agents.https.destroy();
  };
  return { ...agents, close };
}

function whenConnected<A extends http.Agent>(agent: A, event: 'connect' | 'secureConnect'): A {
  const target = agent as unknown as { createConnection: Connect };
  const connect = target.createConnection.bind(agent);
  target.createConnection = (options, done) => {
    const socket = connect(options) as Socket;
    const timer = setTimeout(() => socket.destroy(timeout()), CONNECT_MS);
    const settle = (error: Error | null) => {
      clearTimeout(timer);
      socket.off(event, onConnect).off('error', settle).off('close', onClose);
      done?.(error, error === null ? socket : undefined);
    };
    const onConnect = () => settle(null);
    const onClose = () => settle(new Error('closed while connecting'));
    socket.on(event, onConnect).on('error', settle).on('close', onClose);
    return undefined;
  };
  return agent;
}

function timeout(): Error {
  return Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' });
}
