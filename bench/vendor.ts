/**
 * A vendor that is never what limits a measurement: the two endpoints of contact lists that an import uses, on plain
 * node:http, looking at the request no closer than it must. The simulator is the one to test with; it reads and keeps
 * every record, and that is CPU which the contenders would share.
 */
import http from 'node:http';

/** To the process, by IPC. Answered with its stats. */
export interface VendorOrder {
  readonly latencyMs?: number;
  /** Within any stretch of 60 s; 0: no limit. */
  readonly ratePerMinute?: number;
  /** Forget what was counted, and which batches were seen. */
  readonly reset?: boolean;
}

export interface VendorStats {
  readonly url: string;
  readonly records: number;
  readonly requests: number;
  /** Answered with 409: a batch that was sent a second time. */
  readonly repeated: number;
  /** Answered with 429. */
  readonly refused: number;
  readonly mostInFlight: number;
  /** When each request came that was let in, in ms of the epoch; in order. */
  readonly arrivals: readonly number[];
}

const WINDOW_MS = 60_000;
/** What fills an answer up to about 5 KB: an id for each record, as an API would give it. */
const IDS = Array.from({ length: 100 }, (_, i) => ({
  recordId: `5f3e9c1a-${i}-000000000000`,
  status: 'NEW',
}));
const FIRST_CONTACT = /"contactId":"([^"]*)"/;
const CONTACT = Buffer.from('"contactId":');

let settings = { latencyMs: 0, ratePerMinute: 0 };
let counted = fresh();

function fresh() {
  return {
    records: 0,
    requests: 0,
    repeated: 0,
    refused: 0,
    mostInFlight: 0,
    arrivals: [] as number[],
    /** Within the window: arrivals from this one on. */
    first: 0,
    inFlight: 0,
    seen: new Set<string>(),
  };
}

function onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
  const isRecords = request.url?.endsWith('/records') ?? false;
  if (!isRecords) return answer(response, 200, { access_token: 'bench', expires_in: 86_400 });
  const chunks: Buffer[] = [];
  counted.inFlight += 1;
  counted.mostInFlight = Math.max(counted.mostInFlight, counted.inFlight);
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (settings.latencyMs === 0) return decide(Buffer.concat(chunks), request, response);
    setTimeout(() => decide(Buffer.concat(chunks), request, response), settings.latencyMs);
  });
}

function decide(body: Buffer, request: http.IncomingMessage, response: http.ServerResponse): void {
  counted.inFlight -= 1;
  if (isTooMuch()) {
    counted.refused += 1;
    return answer(response, 429, { message: 'too many requests' }, { 'retry-after': '1' });
  }
  const now = Date.now();
  counted.requests += 1;
  counted.arrivals.push(now);
  const batch = `${request.url} ${FIRST_CONTACT.exec(body.toString('latin1', 0, 2_000))?.[1]}`;
  if (counted.seen.has(batch)) {
    counted.repeated += 1;
    return answer(response, 409, { message: 'duplicates', warnings: namedIn(body) });
  }
  counted.seen.add(batch);
  const records = contactsIn(body);
  counted.records += records;
  answer(response, 200, { id: 'i', recordsCreated: records, warnings: [], errors: [], records: IDS });
}

/** A sliding window, as the strictest vendor has it. */
function isTooMuch(): boolean {
  if (settings.ratePerMinute === 0) return false;
  const { arrivals } = counted;
  while ((arrivals[counted.first] ?? Infinity) <= Date.now() - WINDOW_MS) counted.first += 1;
  return arrivals.length - counted.first >= settings.ratePerMinute;
}

function contactsIn(body: Buffer): number {
  let found = 0;
  for (let at = body.indexOf(CONTACT); at >= 0; at = body.indexOf(CONTACT, at + CONTACT.length)) found += 1;
  return found;
}

function namedIn(body: Buffer): readonly object[] {
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
    const { first: _, inFlight: __, seen: ___, ...rest } = counted;
    return { url: `http://127.0.0.1:${port}`, ...rest };
  };
  process.on('message', ({ reset = false, ...rest }: VendorOrder) => {
    settings = { ...settings, ...rest };
    if (reset) counted = fresh();
    process.send?.(stats());
  });
  process.on('disconnect', () => process.exit());
  process.send?.(stats());
});
