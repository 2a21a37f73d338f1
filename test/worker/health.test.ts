import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { answerHealthChecks } from '../../src/worker/health.ts';
import type { Monitoring } from '../../src/worker/monitoring.ts';

async function listen(render: Monitoring['render'] = () => Promise.reject(new Error('none'))) {
  const health = await answerHealthChecks(0, render);
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`);
    return [response.status, await response.text()];
  };
  return { health, ask };
}

const answer = (status: number, state: string) => [status, `${JSON.stringify({ state })}\n`];

it('is ready while the worker takes tasks: neither before it has its servers nor while it drains', async () => {
  const { health, ask } = await listen();
  expect(await ask('/readyz')).toEqual(answer(503, 'WAITING'));
  let state = 'RUNNING';
  health.follow(() => state);
  expect(await ask('/readyz')).toEqual(answer(200, 'RUNNING'));
  expect(await ask('/')).toEqual(answer(200, 'RUNNING'));
  state = 'DRAINING';
  expect(await ask('/readyz?verbose')).toEqual(answer(503, 'DRAINING'));
  await health.close();
  await expect(ask('/readyz')).rejects.toThrow();
});

it('is alive whatever it waits for', async () => {
  const { health, ask } = await listen();
  expect(await ask('/livez')).toEqual(answer(200, 'WAITING'));
  await health.close();
});

it('publishes metrics, whether it is ready or not', async () => {
  const { health, ask } = await listen(({ isRunning }) =>
    Promise.resolve({ contentType: 'text/plain', text: `running ${isRunning}\n` }),
  );
  expect(await ask('/metrics')).toEqual([200, 'running false\n']);
  health.follow(() => 'RUNNING');
  expect(await ask('/metrics')).toEqual([200, 'running true\n']);
  await health.close();
});

it('names its paths where there is none', async () => {
  const { health, ask } = await listen();
  expect(await ask('/health')).toEqual([404, '/livez, /readyz, /metrics\n']);
  await health.close();
});

it('fails if the port is in use', async () => {
  const other = createServer().listen(0);
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  await expect(answerHealthChecks(port, () => Promise.reject(new Error('none')))).rejects.toThrow(
    'EADDRINUSE',
  );
});
