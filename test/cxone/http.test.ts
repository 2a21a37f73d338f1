import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CxoneNoAnswer, CxoneUnreadable } from '../../src/cxone/errors.ts';
import { LEASE_MARGIN_MS } from '../../src/ledger/writes/claims.ts';
import {
  CREATED,
  captureError,
  type Handler,
  json,
  LIST,
  PHONE,
  RECORD,
  SECRET,
  startVendor,
  TOKEN,
  type Vendor,
} from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

/** Long enough for a busy machine to send a request within it. */
const REQUEST_MS = 1_500;
const DEADLINE = { deadlines: { requestMs: REQUEST_MS } };
const create = (options = {}) => vendor.cxone(options).contactLists.createRecords(LIST);
const answerInPieces =
  (head: Readonly<Record<string, string | number>>, finish: (destroy: () => void) => void): Handler =>
  (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json', ...head });
    res.write('{"id":"b1",');
    setTimeout(() => finish(() => res.destroy()), 20);
  };

describe('the deadline covers the whole answer', () => {
  it('without an answer the request may have been applied', async () => {
    vendor.answer(() => {});
    const error = await captureError(create(DEADLINE));
    expect(error).toBeInstanceOf(CxoneNoAnswer);
    expect(error).toMatchObject({ reason: 'timeout', applied: 'unknown', status: null });
  });

  it('is not extended by bytes that arrive slowly', async () => {
    let drip: NodeJS.Timeout | undefined;
    vendor.answer((_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      drip = setInterval(() => res.write(' '), 5);
    });
    const error = await captureError(create(DEADLINE));
    clearInterval(drip);
    expect(error).toMatchObject({ name: 'CxoneNoAnswer', reason: 'timeout', applied: 'unknown' });
  });

  it('a refusal whose body is cut off is unreadable, and was not applied', async () => {
    vendor.answer((_req, res) => void res.writeHead(409).write('{'));
    const error = await captureError(create(DEADLINE));
    expect(error).toMatchObject({ name: 'CxoneUnreadable', status: 409, applied: 'no' });
  });
});

describe('every attempt ends with its deadline', () => {
  /** Later than this, the lease would have expired while the request is still being sent. */
  const MAX_LATE_MS = LEASE_MARGIN_MS;
  const elapsed = async (work: Promise<unknown>) => {
    const due = delay(REQUEST_MS).then(() => performance.now());
    const error = await captureError(work);
    const endedAt = performance.now();
    return { error, late: endedAt - (await due) };
  };
  /** Larger than the socket buffers of both sides. */
  const LARGE = {
    ...LIST,
    records: Array.from({ length: 100 }, () => ({ ...RECORD, customFields: { name: 'x'.repeat(200_000) } })),
  };
  /** Accepts connections and passes each one to `read`. */
  const listenWith = async (read: (socket: Socket) => void) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      read(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const close = () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
  };
  const readOneBytePerSecond = (socket: Socket) => {
    socket.pause();
    const timer = setInterval(() => void socket.read(1), 1_000).unref();
    socket.once('close', () => clearInterval(timer));
  };

  it.each<[string, (socket: Socket) => void]>([
    ['a request that is read but not answered', (socket) => void socket.resume()],
    ['a request of 20 MB that is not read', (socket) => void socket.pause()],
    ['a request that is read at one byte per second', readOneBytePerSecond],
    ['headers that never end', (socket) => void socket.resume().write('HTTP/1.1 200 OK\r\nX-More: ')],
  ])('%s', async (_, read) => {
    const slow = await listenWith(read);
    const { contactLists } = vendor.cxone({ deadlines: { requestMs: REQUEST_MS } }, { url: slow.url });
    const { error, late } = await elapsed(contactLists.createRecords(LARGE));
    expect(error).toMatchObject({ name: 'CxoneNoAnswer', reason: 'timeout', applied: 'unknown' });
    expect(late).toBeLessThan(MAX_LATE_MS);
    slow.close();
  });

  it('applies to the token endpoint too, and nothing was applied', async () => {
    vendor.answerToken(() => {});
    const cxone = vendor.cxone({ deadlines: { requestMs: REQUEST_MS, tokenMs: REQUEST_MS } });
    const { error, late } = await elapsed(cxone.contactLists.createRecords(LIST));
    expect(error).toMatchObject({ name: 'CxoneNoAnswer', reason: 'timeout', applied: 'no' });
    expect(late).toBeLessThan(MAX_LATE_MS);
  });
});

describe('answers that are cut off', () => {
  it.each([
    ['with a content length', { 'content-length': 500 }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('a 200 %s is unreadable, and the request may have been applied', async (_, head) => {
    vendor.answer(answerInPieces(head, (destroy) => destroy()));
    const error = await captureError(create());
    expect(error).toBeInstanceOf(CxoneUnreadable);
    expect(error).toMatchObject({ status: 200, applied: 'unknown' });
  });

  it('after a reset the request may have been applied', async () => {
    vendor.answer((req) => void req.socket.destroy());
    const error = await captureError(create());
    expect(error).toMatchObject({
      name: 'CxoneNoAnswer',
      reason: 'connection',
      code: 'ECONNRESET',
      applied: 'unknown',
    });
  });

  it('does not decompress a gzip bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
    vendor.answer((_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    expect(await captureError(create())).toBeInstanceOf(CxoneUnreadable);
  });

  it('decompresses a regular gzip answer', async () => {
    const body = gzipSync(JSON.stringify(CREATED));
    vendor.answer((_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip' }).end(body));
    expect(await create()).toMatchObject({ kind: 'created' });
  });
});

describe('requests that never left', () => {
  /** The token comes from the vendor, but the API has another address. */
  const createAt = (url: string) => vendor.cxone(DEADLINE, { url }).contactLists.createRecords(LIST);

  it('nothing was applied if the connection was refused', async () => {
    const closed = await startVendor();
    await closed.close();
    const error = await captureError(createAt(closed.url));
    expect(error).toMatchObject({ name: 'CxoneNoAnswer', code: 'ECONNREFUSED', applied: 'no' });
  });

  it('nothing was applied if the host does not exist', async () => {
    expect(await captureError(createAt('http://cxone.invalid'))).toMatchObject({
      name: 'CxoneNoAnswer',
      applied: 'no',
    });
  });

  it('nothing was applied if the TLS handshake failed or never ended', async () => {
    for (const greeting of ['not TLS at all', null]) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        if (greeting !== null) socket.end(greeting);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const error = await captureError(
        createAt(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
      );
      expect(error).toMatchObject({ name: 'CxoneNoAnswer', applied: 'no' });
      server.close();
    }
  });

  it('nothing was applied if the signal was aborted before, but perhaps if it was aborted later', async () => {
    const controller = new AbortController();
    vendor.answer(() => controller.abort());
    const { contactLists } = vendor.cxone();
    const request = { ...LIST, signal: controller.signal };
    const during = await captureError(contactLists.createRecords(request));
    expect(during).toMatchObject({ name: 'CxoneNoAnswer', reason: 'aborted', applied: 'unknown' });
    const before = await captureError(contactLists.createRecords(request));
    expect(before).toMatchObject({ name: 'CxoneNoAnswer', reason: 'aborted', applied: 'no' });
    expect(vendor.api).toHaveLength(1);
  });
});

describe('beforeSend', () => {
  it('is called after the token arrived and before the request leaves', async () => {
    const seen: number[][] = [];
    const beforeSend = () => void seen.push([vendor.tokens.length, vendor.api.length]);
    const { contactLists } = vendor.cxone();
    await contactLists.createRecords({ ...LIST, beforeSend });
    // The second request reuses the connection.
    await contactLists.createRecords({ ...LIST, beforeSend });
    expect(seen).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  it('is not called if there is no connection', async () => {
    const closed = await startVendor();
    await closed.close();
    let called = 0;
    const beforeSend = () => void (called += 1);
    await captureError(
      vendor.cxone({}, { url: closed.url }).contactLists.createRecords({ ...LIST, beforeSend }),
    );
    expect(called).toBe(0);
  });

  it('stops the request by throwing, also on a reused connection', async () => {
    const { contactLists } = vendor.cxone();
    const lost = new Error('the lease is lost');
    const beforeSend = () => {
      throw lost;
    };
    expect(await captureError(contactLists.createRecords({ ...LIST, beforeSend }))).toBe(lost);
    await contactLists.createRecords(LIST);
    expect(await captureError(contactLists.createRecords({ ...LIST, beforeSend }))).toBe(lost);
    expect(await contactLists.createRecords(LIST)).toMatchObject({ kind: 'created' });
    expect(vendor.api).toHaveLength(2);
  });
});

describe('connections', () => {
  it('are reused, and a hundred concurrent requests do not queue for them', async () => {
    const sockets = new Set<number | undefined>();
    let waiting: (() => void)[] = [];
    const { contactLists } = vendor.cxone();
    await contactLists.createRecords(LIST);
    vendor.answer((req, res, body) => {
      sockets.add(req.socket.remotePort);
      waiting.push(() => json(200, CREATED)(req, res, body));
      // Answers only after all requests have arrived.
      if (waiting.length === 100) for (const answer of waiting.splice(0)) answer();
    });
    const all = () => Promise.all(Array.from({ length: 100 }, () => contactLists.createRecords(LIST)));
    await all();
    waiting = [];
    await all();
    expect(sockets.size).toBeLessThan(150);
  });
});

describe('errors', () => {
  const everythingShown = (error: unknown): string =>
    [
      inspect(error, { depth: 12, showHidden: true }),
      JSON.stringify(error),
      String(error),
      (error as Error).stack,
      JSON.stringify(Object.getOwnPropertyDescriptors(error)),
    ].join('\n');
  const echo = (status: number): Handler =>
    json(status, { message: `canary ${PHONE}`, echo: [RECORD, TOKEN, SECRET] });
  const failures: [string, () => void][] = [
    ...[401, 403, 404, 413, 429, 500, 302].map((s): [string, () => void] => [
      `a ${s}`,
      () => vendor.answer(echo(s)),
    ]),
    ['an unreadable 200', () => vendor.answer(echo(200))],
    ['a reset', () => vendor.answer((req) => void req.socket.destroy())],
    ['a timeout', () => vendor.answer(() => {})],
    ['a broken 200', () => vendor.answer(answerInPieces({ 'content-length': 500 }, (destroy) => destroy()))],
    ['a refused token', () => vendor.answerToken(echo(401))],
    ['an unreadable token', () => vendor.answerToken(json(200, { access_token: [TOKEN, SECRET] }))],
  ];

  it.each(failures)('after %s contain no secret, token or personal data', async (_, arrange) => {
    arrange();
    const shown = everythingShown(await captureError(create(DEADLINE)));
    for (const canary of [SECRET, TOKEN, PHONE, 'canary']) expect(shown).not.toContain(canary);
  });
});
