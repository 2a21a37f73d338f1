import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from '../../src/stack/ports.ts';

async function listen(port: number) {
  const server = createServer().listen({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  return server;
}

it('gives a port that can be listened on at once', async () => {
  const port = await freePort();
  const server = await listen(port);
  expect(server.address()).toMatchObject({ port });
  server.close();
});

it('gives the preferred port only while nobody listens on it', async () => {
  const preferred = await freePort();
  expect(await freePort(preferred)).toBe(preferred);
  const server = await listen(preferred);
  expect(await freePort(preferred)).not.toBe(preferred);
  server.close();
});

it('does not give a port a second time before it could be listened on', async () => {
  const ports: number[] = [];
  for (let count = 0; count < 500; count += 1) ports.push(await freePort());
  expect(new Set(ports).size).toBe(ports.length);
});
