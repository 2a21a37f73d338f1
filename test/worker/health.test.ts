import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { answerHealthChecks } from '../../src/worker/health.ts';

async function listen() {
  const health = await answerHealthChecks(0);
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${health.port}/`);
    return [response.status, await response.json()];
  };
  return { health, ask };
}

it('is healthy while the worker takes tasks: neither before it has its servers nor while it drains', async () => {
  const { health, ask } = await listen();
  expect(await ask()).toEqual([503, { state: 'WAITING' }]);
  let state = 'RUNNING';
  health.follow(() => state);
  expect(await ask()).toEqual([200, { state: 'RUNNING' }]);
  state = 'DRAINING';
  expect(await ask()).toEqual([503, { state: 'DRAINING' }]);
  await health.close();
  await expect(ask()).rejects.toThrow();
});

it('fails if the port is in use', async () => {
  const other = createServer().listen(0);
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  await expect(answerHealthChecks(port)).rejects.toThrow('EADDRINUSE');
});
