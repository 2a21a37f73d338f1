/** A fake CXone for the doctor, and its findings. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** `text`: sent instead of a JSON body. */
export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly date?: string;
};

/** A fake CXone on the loopback interface that records its requests. */
export async function fakeCxone(answer: (verb: string, path: string) => Answer | Promise<Answer>) {
  const requests: string[] = [];
  const respond = async (verb: string, path: string, response: ServerResponse): Promise<void> => {
    const { status, body, text, date } = await answer(verb, path);
    if (date) response.setHeader('date', date);
    const type = text === undefined ? 'application/json' : 'text/html';
    response.writeHead(status, { 'content-type': type }).end(text ?? JSON.stringify(body ?? {}));
  };
  const server = createServer(({ method = '', url = '' }, response) => {
    requests.push(`${method} ${url}`);
    void respond(method, url, response);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export async function collect(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const all = [];
  for await (const finding of findings) all.push(finding);
  expect(JSON.stringify(all), 'no secret is printed').not.toMatch(/hush|bearer-of-test/);
  return all;
}
