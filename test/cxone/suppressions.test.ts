import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAnswer } from '../../src/cxone/answer.ts';
import type { CxoneOptions } from '../../src/cxone/cxone.ts';
import {
  CxoneForbidden,
  CxoneNoAnswer,
  CxoneRateLimited,
  CxoneUnavailable,
  CxoneUnreadable,
} from '../../src/cxone/errors.ts';
import type { FamilyClient } from '../../src/cxone/family.ts';
import { createLists, type SuppressionEntry } from '../../src/cxone/lists.ts';
import { captureError, type Handler, json, startVendor, type Vendor } from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

const TOO_LONG: unknown = expect.objectContaining({
  name: 'CxoneTooLong',
  message: expect.stringMatching(/10,000 pages.*remove entries/) as unknown,
});

/** Reads everything; `entries` are those that were passed on, also if it fails. */
async function read(options: Partial<CxoneOptions> = {}) {
  const entries: SuppressionEntry[] = [];
  const sizes: number[] = [];
  const outcome = await captureOutcome(
    vendor.cxone(options).lists.readSuppressions({
      onEntries: (some) => {
        entries.push(...some);
        sizes.push(some.length);
        return Promise.resolve();
      },
    }),
  );
  return { outcome, entries, sizes };
}

async function captureOutcome<T>(work: Promise<T>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

const phone = (n: number): SuppressionEntry => ({ phoneNumber: `+1415555${String(n).padStart(4, '0')}` });
const phones = (count: number) => Array.from({ length: count }, (_, n) => phone(n));
const text = (body: string | Buffer): Handler => {
  return (_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(body);
};
const COMPLETE = { isComplete: true };
const INCOMPLETE = { isComplete: false };

describe('readSuppressions', () => {
  it('reads a bare array, five thousand entries at a time', async () => {
    vendor.answer(json(200, phones(12_500)));
    const { outcome, entries, sizes } = await read();
    expect(outcome).toEqual(COMPLETE);
    expect(entries).toEqual(phones(12_500));
    expect(sizes).toEqual([5_000, 5_000, 2_500]);
    expect(vendor.api[0]?.url).toBe('/api/v2/compliance/suppressions?status=ACTIVE');
  });

  it.each(['[]', ' [ ] ', '\ufeff[]', '{"results":[]}', '{"next":null,"results":[],"total":0}'])(
    'an empty list is complete: %s',
    async (body) => {
      vendor.answer(text(body));
      expect(await read()).toEqual({ outcome: COMPLETE, entries: [], sizes: [] });
    },
  );

  it('reads pages, and sends the cursor back as it is', async () => {
    const pages: Readonly<Record<string, unknown>> = {
      null: { results: phones(2), next: 'a b&c', total: { of: 4 } },
      'a b&c': { next: 12345678901234567890n, results: [] },
      '12345678901234567890': { results: [phone(2)], more: [[{}]], next: '' },
    };
    vendor.answer((req, res) => {
      const cursor = new URL(req.url ?? '', vendor.url).searchParams.get('cursor');
      const body = JSON.stringify(pages[String(cursor)], (_, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      res.writeHead(200).end(body.replace('12345678901234567000', '12345678901234567890'));
    });
    const asked: number[] = [];
    const entries: SuppressionEntry[] = [];
    const outcome = await vendor.cxone().lists.readSuppressions({
      beforeRequest: () => Promise.resolve(void asked.push(vendor.api.length)),
      onEntries: (some) => Promise.resolve(void entries.push(...some)),
    });
    expect(outcome).toEqual(COMPLETE);
    expect(entries).toEqual(phones(3));
    expect(asked).toEqual([0, 1, 2]);
    expect(vendor.api[1]?.url).toBe('/api/v2/compliance/suppressions?status=ACTIVE&cursor=a+b%26c');
  });

  it('an entry has what identifies somebody, as text; one that identifies nobody is passed on too', async () => {
    const list =
      '[{"phoneNumber":"(415) 555-0101","country":"US","status":"ACTIVE"},{"contactId":12345678901234567891},' +
      '{"emailAddress":"ann@example.com","phoneNumber":null},{"phoneNumber":4155550101},{},null,"+14155550101",' +
      `[1],{"phoneNumber":{"number":"1"}},{"emailAddress":"${'x'.repeat(2_000)}"},{"__proto__":{"phoneNumber":"1"}},{"contactId":"D-9","phoneNumber":["+14155550101"]}]`;
    vendor.answer(text(list));
    const { outcome, entries } = await read();
    expect(outcome).toEqual(COMPLETE);
    expect(entries).toEqual([
      { phoneNumber: '(415) 555-0101', country: 'US' },
      { contactId: '12345678901234567891' },
      { emailAddress: 'ann@example.com' },
      { phoneNumber: '4155550101' },
      ...Array.from({ length: 4 }, () => ({})),
      { isPartial: true },
      { isPartial: true },
      {},
      { contactId: 'D-9', isPartial: true },
    ]);
  });

  it('an answer of any length is read, compressed or not', async () => {
    const entries = phones(500_000);
    const body = Buffer.from(JSON.stringify(entries));
    expect(body.length).toBeGreaterThan(13_000_000);
    const long = Buffer.concat([body.subarray(0, -1), Buffer.from(','), body.subarray(1)]);
    vendor.answer((_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(long)));
    let count = 0;
    const onEntries = (some: readonly SuppressionEntry[]) => Promise.resolve(void (count += some.length));
    expect(await vendor.cxone().lists.readSuppressions({ onEntries })).toEqual(COMPLETE);
    expect(count).toBe(1_000_000);
  });

  it('the answer waits for whoever takes the entries, and that time is no silence', async () => {
    const body = JSON.stringify(phones(600_000));
    let isSent = false;
    vendor.answer((_req, res) => {
      res.writeHead(200);
      res.end(body, () => void (isSent = true));
    });
    const client = vendor.cxone({ deadlines: { partMs: 1_000 } });
    let calls = 0;
    const outcome = await client.lists.readSuppressions({
      async onEntries() {
        calls += 1;
        if (calls > 1) return;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        expect(isSent).toBe(false);
      },
    });
    expect(outcome).toEqual(COMPLETE);
    expect(calls).toBe(120);
  });

  it('cut off anywhere, it is reported as incomplete, with the entries before', async () => {
    const pages = `{"results":${JSON.stringify(phones(2))},"next":null}`;
    for (const whole of [JSON.stringify(phones(2)), pages]) {
      const begun = whole.indexOf('[') + 1;
      for (let end = begun; end < whole.length; end += 1) {
        vendor.answer(text(whole.slice(0, end)));
        const { outcome, entries } = await read();
        expect(outcome, whole.slice(0, end)).toEqual(INCOMPLETE);
        expect(entries.length).toBeLessThanOrEqual(2);
        vendor.reset();
      }
    }
  });

  it.each([
    ['a connection that breaks', (res: ServerResponse) => res.socket?.destroySoon()],
    ['silence', () => undefined],
  ])('%s in mid-answer is reported as incomplete', async (_, stop) => {
    vendor.answer((_req, res) => {
      res.writeHead(200, { 'content-length': 1_000_000 });
      res.write(JSON.stringify(phones(3)).slice(0, -1), () => stop(res));
    });
    const { outcome, entries } = await read({ deadlines: { partMs: 1_000 } });
    expect(outcome).toEqual(INCOMPLETE);
    expect(entries).toEqual(phones(3));
  });

  it.each(['[{"phoneNumber":"1"},x]', '[{}]]', '[{}]{"a":1}', '{"results":[],"next":{}}', '[{]'])(
    'not JSON from some point on, it is incomplete: %s',
    async (body) => {
      vendor.answer(text(body));
      expect((await read()).outcome).toEqual(INCOMPLETE);
    },
  );

  it('an entry of megabytes ends the reading', async () => {
    vendor.answer(text(`[{"phoneNumber":"${'1'.repeat(5_000_000)}"},{}]`));
    expect(await read()).toMatchObject({ outcome: INCOMPLETE, entries: [] });
  });

  it.each([
    '',
    '<html>Sign in</html>',
    '{}',
    '{"message":"no"}',
    '{"results":{"a":[]}}',
    '"[]"',
    '7',
    '{"a":{"results":[]}}',
  ])('what is no list at all is unreadable: %s', async (body) => {
    vendor.answer(text(body));
    expect((await read()).outcome).toBeInstanceOf(CxoneUnreadable);
  });

  it('a cursor that leads back is unreadable, since the reading would never end', async () => {
    vendor.answer((_req, res) => {
      res.writeHead(200).end(JSON.stringify({ results: [phone(1)], next: 'a' }));
    });
    const { outcome, entries } = await read();
    expect(outcome).toBeInstanceOf(CxoneUnreadable);
    expect(entries).toHaveLength(2);
  });

  it.each([
    [10_000, COMPLETE],
    [10_001, TOO_LONG],
  ])('a list of %i pages: %o', async (pages, expected) => {
    let n = 0;
    const call: FamilyClient['call'] = async ({ onPart }) => {
      n += 1;
      await onPart?.(Buffer.from(JSON.stringify({ results: [], next: n < pages ? n : null })));
      return createAnswer('', { family: 'lists', verb: 'GET', url: '', status: 200, requestId: null });
    };
    const reading = createLists({ call }).readSuppressions({ onEntries: () => Promise.resolve() });
    expect(await captureOutcome(reading)).toEqual(expected);
    expect(n).toBe(10_000);
  });

  it.each([
    [401, 1, COMPLETE],
    [403, Infinity, expect.any(CxoneForbidden)],
    [429, Infinity, expect.any(CxoneRateLimited)],
    [503, Infinity, expect.any(CxoneUnavailable)],
  ])('%i (%d times) is handled as for every request', async (status, times, expected) => {
    let n = 0;
    vendor.answer((req, res, body) => {
      n += 1;
      (n <= times ? json(status, { message: 'no', results: [{}] }) : json(200, []))(req, res, body);
    });
    expect((await read()).outcome).toEqual(expected);
  });

  it('no answer at all in time is no answer', async () => {
    vendor.answer(() => undefined);
    const { outcome } = await read({ deadlines: { partMs: 500 } });
    expect(outcome).toBeInstanceOf(CxoneNoAnswer);
    expect(outcome).toMatchObject({ reason: 'timeout', applied: 'no' });
  });

  it('can be given up in mid-answer, and closes the connection', async () => {
    const controller = new AbortController();
    const closed = new Promise((resolve) => {
      vendor.answer((_req, res) => {
        void once(res, 'close').then(resolve);
        res.writeHead(200).write(JSON.stringify(phones(10_000)).slice(0, -1));
      });
    });
    const reading = vendor.cxone().lists.readSuppressions({
      signal: controller.signal,
      onEntries: () => Promise.resolve(controller.abort()),
    });
    const error = await captureError(reading);
    expect(error).toBeInstanceOf(CxoneNoAnswer);
    expect(error).toMatchObject({ reason: 'aborted' });
    await closed;
  });

  it('an error of whoever takes the entries ends it, and closes the connection', async () => {
    const failure = new Error('the ledger is full');
    const closed = new Promise((resolve) => {
      vendor.answer((_req, res) => {
        void once(res, 'close').then(resolve);
        res.writeHead(200).write(JSON.stringify(phones(10_000)).slice(0, -1));
      });
    });
    const reading = vendor.cxone().lists.readSuppressions({ onEntries: () => Promise.reject(failure) });
    expect(await captureError(reading)).toBe(failure);
    await closed;
  });
});
