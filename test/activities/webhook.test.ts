/** The POST of an event, to a subscriber on loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createWebhook } from '../../src/activities/outbox/webhook.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers every request, and counts them by path. */
async function startSubscriber(answer: Answer) {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(request.url ?? '');
    request.resume().on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const post = createWebhook({ url, syncToken: null, allowLoopback: true });
  return { received, post: () => post('evt-1', '{}') };
}

const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end();

describe('the POST of an event', () => {
  it('is accepted with any 2xx', async () => {
    const { post } = await startSubscriber(answering(204));
    await expect(post()).resolves.toBeUndefined();
  });

  it.each([
    ['120', 120_000],
    ['1.5', 1_500],
    ['999999999', 86_400_000],
    ['0', null],
    ['-5', null],
    ['soon', null],
    ['Wed, 21 Oct 2015 07:28:00 GMT', null],
  ])('is refused with a Retry-After of %s, which means %s ms', async (retryAfter, retryAfterMs) => {
    for (const status of [429, 503]) {
      const { post } = await startSubscriber(answering(status, { 'retry-after': retryAfter }));
      await expect(post()).rejects.toMatchObject({ name: 'EventNotAccepted', retryAfterMs });
    }
  });

  it('compares a date in Retry-After with the clock of the subscriber', async () => {
    const date = 'Sat, 21 Nov 2020 12:00:00 GMT';
    const headers = { date, 'retry-after': 'Sat, 21 Nov 2020 12:00:30 GMT' };
    const { post } = await startSubscriber(answering(503, headers));
    await expect(post()).rejects.toMatchObject({ retryAfterMs: 30_000 });
  });

  it.each([301, 302, 303, 307, 308])('does not follow a %i', async (status) => {
    const { post, received } = await startSubscriber((request, response) =>
      answering(request.url === '/hook' ? status : 200, { location: '/elsewhere' })(request, response),
    );
    await expect(post()).rejects.toMatchObject({ message: `status ${status}` });
    expect(received).toEqual(['/hook']);
  });

  it('reports only the error code if no answer comes', async () => {
    const { post } = await startSubscriber((_, response) => void response.destroy());
    await expect(post()).rejects.toMatchObject({ message: 'no answer (ECONNRESET)', retryAfterMs: null });
  });
});
