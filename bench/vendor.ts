/**
 * A vendor that never limits a measurement: the two endpoints that an import uses, on plain node:http, inspecting requests
 * as little as possible. The simulator is not suitable here: it parses and stores every record, on the CPU that it would
 * share with the contenders.
 */
import http from 'node:http';

/** Sent to the vendor's process, which answers with its stats. */
export interface VendorOrder {
  readonly latencyMs?: number;
  /** In any 60 s; 0: no limit. */
  readonly ratePerMinute?: number;
  /** Resets the counters and the batches seen so far. */
  readonly reset?: boolean;
}

export interface VendorStats {
  readonly url: string;
  readonly records: number;
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

let settings = { latencyMs: 0, ratePerMinute: 0 };
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
  };
}

function onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
  const isRecords = request.url?.endsWith('/records') ?? false;
  if (!isRecords) return answer(response, 200, { access_token: 'bench', expires_in: 86_400 });
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (settings.latencyMs === 0) return decide(Buffer.concat(chunks), request, response);
    setTimeout(() => decide(Buffer.concat(chunks), request, response), settings.latencyMs);
  });
}

function decide(body: Buffer, request: http.IncomingMessage, response: http.ServerResponse): void {
  if (isOverLimit()) {
    counters.refused += 1;
    return answer(response, 429, { message: 'too many requests' }, { 'retry-after': '1' });
  }
  const now = Date.now();
  counters.requests += 1;
  counters.arrivals.push(now);
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
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': length });
  response.end(text);
}

const server = http.createServer({ keepAliveTimeout: 3_600_000 }, onRequest);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  const stats = (): VendorStats => {
    const { first: _, seen: __, ...rest } = counters;
    return { url: `http://127.0.0.1:${port}`, ...rest };
  };
  process.on('message', ({ reset = false, ...rest }: VendorOrder) => {
    settings = { ...settings, ...rest };
    if (reset) counters = newCounters();
    process.send?.(stats());
  });
  process.on('disconnect', () => process.exit());
  process.send?.(stats());
});
