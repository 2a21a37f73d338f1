/** Ports on loopback. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A free port of 127.0.0.1: `preferred`, if that is free. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred;
  return listenOnce(0, reserve);
}

/**
 * Keeps the system from giving this port, on which we listen, to others as a free one for about a minute after we stop: a
 * connection that the listening side has closed lingers (TIME_WAIT). Whoever asks for the port by its number still gets it.
 */
async function reserve(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  // The other side closes it at once.
  await once(socket.resume(), 'close');
}

async function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** Returns the port; `whileListening` runs before it is closed. */
function listenOnce(port: number, whileListening = (_port: number) => Promise.resolve()): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const chosen = (server.address() as AddressInfo).port;
      const closed = () => new Promise<void>((done) => server.close(() => done()));
      whileListening(chosen)
        .finally(closed)
        .then(() => resolve(chosen), reject);
    });
  });
}

/** Rejects if nothing listens on this port of 127.0.0.1. */
export function connectOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
