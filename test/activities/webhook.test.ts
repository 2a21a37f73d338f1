/** The POST of an event, to a subscriber on loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createWebhook } from '../../src/activities/outbox/webhook.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers every request, and lists their paths. `closed`: the first answer has ended, or its reader is gone. */
async function startSubscriber(answer: Answer) {
  const received: string[] = [];
  const { promise: closed, resolve: onClose } = withResolvers();
  const server = createServer((request, response) => {
    received.push(request.url ?? '');
    response.on('close', onClose);
    request.resume().on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const post = createWebhook({ url, syncToken: null, signingSecrets: [], allowLoopback: true, hosts: null });
  return { url, received, closed, post: () => post('evt-1', '{}') };
}

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

/** Writes for as long as somebody reads. */
function pour(response: ServerResponse, status = 200): void {
  const part = Buffer.alloc(65_536, 'x');
  const more = () => {
    while (!response.destroyed && response.write(part));
  };
  response.writeHead(status).on('drain', more);
  more();
}

describe('the POST of an event', () => {
  it('is accepted with any 2xx', async () => {
    const { post } = await startSubscriber(answering(204));
    await expect(post()).resolves.toBeUndefined();
  });

  it.each([302, 307])('does not follow a %i to a metadata service', async (status) => {
    const location = 'http://169.254.169.254/latest/meta-data/';
    const { post, received } = await startSubscriber(answering(status, { location }));
    await expect(post()).rejects.toMatchObject({ message: `status ${status}` });
    expect(received).toEqual(['/hook']);
  });

  it.each<[string, Answer]>([
    ['never ends', (_, response) => void pour(response)],
    ['does not begin', (_, response) => void response.writeHead(200).flushHeaders()],
    ['is not what its headers say', answering(200, { 'content-encoding': 'gzip' }, 'no gzip')],
    ['breaks off', (_, response) => void response.writeHead(200, { 'content-length': '9' }).write('part')],
    ['is no JSON', answering(200, { 'content-type': 'application/json' }, '<html>')],
  ])('is accepted with a 200 whose body %s, and the body is not read to its end', async (_, answer) => {
    const { post, closed } = await startSubscriber(answer);
    await expect(post()).resolves.toBeUndefined();
    await closed;
  });

  it('is refused with an error whose body never ends', async () => {
    const { post, closed } = await startSubscriber((_, response) => void pour(response, 500));
    await expect(post()).rejects.toMatchObject({ message: 'status 500' });
    await closed;
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

  it('uses no proxy that the environment names', async () => {
    const proxy = await startSubscriber(answering(200));
    for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']) vi.stubEnv(name, proxy.url);
    vi.stubEnv('no_proxy', '').stubEnv('NO_PROXY', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { post, received } = await startSubscriber(answering(200));
    await post();
    expect([received, proxy.received]).toEqual([['/hook'], []]);
  });

  it('waits 15 s for an answer', async () => {
    const deadline = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal);
    onTestFinished(() => timeout.mockRestore());
    const { post } = await startSubscriber(() => deadline.abort());
    await expect(post()).rejects.toMatchObject({ message: 'no answer within 15 s', retryAfterMs: null });
    expect(timeout).toHaveBeenCalledExactlyOnceWith(15_000);
  });

  it('reports only the error code if no answer comes', async () => {
    const { post } = await startSubscriber((_, response) => void response.destroy());
    await expect(post()).rejects.toMatchObject({ message: 'no answer (ECONNRESET)', retryAfterMs: null });
  });
});
