/**
 * A vendor that never limits a measurement: the endpoints that imports, list loads and email sends use, on plain node:http,
 * inspecting requests as little as possible. The simulator is not suitable here: it parses and stores every record, on the CPU that it
 * would share with the contenders.
 */
import http from 'node:http';
import { createMailer, type Reply } from './email-send/mailer.ts';
import { suppressionAt } from './list-load/leads.ts';

/** Sent to the vendor's process, which answers with its stats. */
export interface VendorOrder {
  readonly latencyMs?: number;
  /** In any 60 s; 0: no limit. */
  readonly ratePerMinute?: number;
  /** Resets the counters and the batches seen so far. */
  readonly reset?: boolean;
  /** How many entries the suppression list has. Default 0. */
  readonly suppressions?: number;
}

export interface VendorStats {
  readonly url: string;
  /** Contacts, list items and messages, each as often as it was created. */
  readonly records: number;
  /** Different phone numbers among the deduplication keys of list items, or different addresses of messages. */
  readonly distinct: number;
  readonly requests: number;
  /** Batches that were sent again, and answered with 409. */
  readonly repeated: number;
  /** Answered with 429. */
  readonly refused: number;
  /** The arrival times of the admitted requests in epoch milliseconds, in order. */
  readonly arrivals: readonly number[];
}

const WINDOW_MS = 60_000;
/** An id per record, as an API would return them, which makes an answer about 5 KB long. */
const IDS = Array.from({ length: 100 }, (_, i) => ({
  recordId: `5f3e9c1a-${i}-000000000000`,
  status: 'NEW',
}));
const FIRST_CONTACT = /"contactId":"([^"]*)"/;
const CONTACT = Buffer.from('"contactId":');
const ITEM_PHONE = Buffer.from('"deduplicationKeys":[{"name":"phone_number","value":"');
const MAX_LIST_SIZE = 100_000_000;

let settings = { latencyMs: 0, ratePerMinute: 0 };
let suppressions = '[]';
let counters = newCounters();

function newCounters() {
  return {
    records: 0,
    requests: 0,
    repeated: 0,
    refused: 0,
    arrivals: [] as number[],
    /** The index of the first arrival within the window. */
    first: 0,
    seen: new Set<string>(),
    keys: new Set<string>(),
    mailer: createMailer(),
  };
}

type Endpoint = (body: Buffer, request: http.IncomingMessage, response: http.ServerResponse) => void;

const ENDPOINTS: readonly (readonly [path: RegExp, endpoint: Endpoint])[] = [
  [/\/email\/suppressions\?/, reply((query) => counters.mailer.suppression(query))],
  [/\/preferences\?/, reply((query) => counters.mailer.preference(query))],
  [/\/email\/messages$/, createMessages],
  [
    /\/email\/jobs\/[^/]+$/,
    reply((_query, path) => counters.mailer.job(path.slice(path.lastIndexOf('/') + 1))),
  ],
  [/\/email\/events\?/, reply((query) => counters.mailer.events(query))],
  [/\/records$/, createRecords],
  [/\/items$/, createItems],
  [/\/suppressions\?/, (_body, _request, response) => answerText(response, 200, suppressions)],
  [
    /\/campaigns\/[^/]+$/,
    (_body, _request, response) =>
      answer(response, 200, { currentListSize: counters.records, maxListSize: MAX_LIST_SIZE }),
  ],
];

function onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
  const [, endpoint] = ENDPOINTS.find(([path]) => path.test(request.url ?? '')) ?? [];
  if (!endpoint) return answer(response, 200, { access_token: 'bench', expires_in: 86_400 });
  const chunks: Buffer[] = [];
  const admitted = () => admit(response) && endpoint(Buffer.concat(chunks), request, response);
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (settings.latencyMs === 0) admitted();
    else setTimeout(admitted, settings.latencyMs);
  });
}

/** False: the request was refused. */
function admit(response: http.ServerResponse): boolean {
  if (isOverLimit()) {
    counters.refused += 1;
    answer(response, 429, { message: 'too many requests' }, { 'retry-after': '1' });
    return false;
  }
  counters.requests += 1;
  counters.arrivals.push(Date.now());
  return true;
}

function createRecords(body: Buffer, request: http.IncomingMessage, response: http.ServerResponse): void {
  const batch = `${request.url} ${FIRST_CONTACT.exec(body.toString('latin1', 0, 2_000))?.[1]}`;
  if (counters.seen.has(batch)) {
    counters.repeated += 1;
    return answer(response, 409, { message: 'duplicates', warnings: toWarnings(body) });
  }
  counters.seen.add(batch);
  const records = countContacts(body);
  counters.records += records;
  answer(response, 200, { id: 'i', recordsCreated: records, warnings: [], errors: [], records: IDS });
}

/** Never refuses an item: whoever sends one twice has more records than distinct ones. */
function createItems(body: Buffer, _request: http.IncomingMessage, response: http.ServerResponse): void {
  let items = 0;
  for (let at = body.indexOf(ITEM_PHONE); at >= 0; at = body.indexOf(ITEM_PHONE, at)) {
    at += ITEM_PHONE.length;
    counters.keys.add(body.toString('latin1', at, body.indexOf('"', at)));
    items += 1;
  }
  counters.records += items;
  answer(response, 200, { itemsCreated: items });
}

/** Accepts every message: whoever sends one twice has more messages than addresses. */
function createMessages(body: Buffer, _request: http.IncomingMessage, response: http.ServerResponse): void {
  const { status, body: answered, addresses } = counters.mailer.accept(body);
  for (const address of addresses) counters.keys.add(address.toLowerCase());
  counters.records += addresses.length;
  answer(response, status, answered);
}

function reply(toReply: (query: URLSearchParams, path: string) => Reply): Endpoint {
  return (_body, { url = '' }, response) => {
    const [path = '', query = ''] = url.split('?');
    const { status, body } = toReply(new URLSearchParams(query), path);
    answer(response, status, body);
  };
}

/** A sliding window, which is the strictest kind of limit. */
function isOverLimit(): boolean {
  if (settings.ratePerMinute === 0) return false;
  const { arrivals } = counters;
  while ((arrivals[counters.first] ?? Infinity) <= Date.now() - WINDOW_MS) counters.first += 1;
  return arrivals.length - counters.first >= settings.ratePerMinute;
}

function countContacts(body: Buffer): number {
  let found = 0;
  for (let at = body.indexOf(CONTACT); at >= 0; at = body.indexOf(CONTACT, at + CONTACT.length)) found += 1;
  return found;
}

function toWarnings(body: Buffer): readonly object[] {
  const { records } = JSON.parse(body.toString()) as { records: { contactId: string }[] };
  return records.map(({ contactId }, index) => ({
    index,
    contactId,
    code: 'DUPLICATE',
    recordId: `r-${contactId}`,
  }));
}

function answer(response: http.ServerResponse, status: number, body: object, headers: object = {}): void {
  answerText(response, status, JSON.stringify(body), headers);
}

function answerText(response: http.ServerResponse, status: number, text: string, headers: object = {}): void {
  const length = Buffer.byteLength(text);
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': length });
  response.end(text);
}

const server = http.createServer({ keepAliveTimeout: 3_600_000 }, onRequest);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  const stats = (): VendorStats => {
    const { records, requests, repeated, refused, arrivals, keys } = counters;
    const distinct = keys.size;
    return { url: `http://127.0.0.1:${port}`, records, distinct, requests, repeated, refused, arrivals };
  };
  process.on('message', ({ reset = false, suppressions: entries, ...rest }: VendorOrder) => {
    settings = { ...settings, ...rest };
    if (entries !== undefined)
      suppressions = JSON.stringify(Array.from({ length: entries }, (_, n) => suppressionAt(n)));
    if (reset) counters = newCounters();
    process.send?.(stats());
  });
  process.on('disconnect', () => process.exit());
  process.send?.(stats());
});
