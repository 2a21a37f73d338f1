/** A fake CXone on loopback, built with node:http. A test determines every byte of its answers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ContactRecord } from '../../src/cxone/contact-lists.ts';
import { type Cxone, type CxoneOptions, createCxone } from '../../src/cxone/cxone.ts';
import { FAMILY_NAMES, type Family } from '../../src/cxone/families.wire.ts';
import type { FamilySettings, RequestFacts } from '../../src/cxone/settings.ts';

export const SECRET = 'canary-client-secret';
export const TOKEN = 'canary-bearer';
export const PHONE = '+14155550199';
export const RECORD: ContactRecord = {
  contactId: 'canary-contact',
  phoneNumbers: [{ type: 'mobile', number: PHONE }],
  customFields: { name: 'canary-name' },
  consentTimestamp: '2026-01-01T00:00:00Z',
  optInStatus: 'confirmed',
};
export const LIST = { listId: 'L1', records: [RECORD] };
export const CREATED = { id: 'b1', recordsCreated: 1, warnings: [], errors: [] };

export type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void;
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Vendor {
  readonly url: string;
  /** Requests to the API and to the token endpoint, in the order of arrival. */
  readonly api: Seen[];
  readonly tokens: Seen[];
  answer(handler: Handler): void;
  answerToken(handler: Handler): void;
  /** A new client of this vendor. */
  cxone(options?: Partial<CxoneOptions>, settings?: Partial<FamilySettings>): Cxone;
  readonly facts: RequestFacts[];
  reset(): void;
  close(): Promise<void>;
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handler {
  return (_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(JSON.stringify(body));
  };
}

/** Any text, JSON or not. */
export function raw(status: number, body: string): Handler {
  return (_req, res) => void res.writeHead(status).end(body);
}

export async function startVendor(): Promise<Vendor> {
  const [api, tokens, facts, clients]: [Seen[], Seen[], RequestFacts[], Cxone[]] = [[], [], [], []];
  let [onApi, onToken] = [json(200, CREATED), json(200, { access_token: TOKEN, expires_in: 3600 })];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const isToken = req.url?.includes('/token') === true;
      (isToken ? tokens : api).push({
        method: req.method ?? '',
        url: req.url ?? '',
        headers: req.headers,
        body,
      });
      (isToken ? onToken : onApi)(req, res, body);
    });
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [firstApi, firstToken] = [onApi, onToken];
  return {
    url,
    api,
    tokens,
    facts,
    answer: (handler) => void (onApi = handler),
    answerToken: (handler) => void (onToken = handler),
    cxone(options, settings) {
      const families = createFamilies(url, settings);
      const cxone = createCxone({ families, onRequest: (fact) => void facts.push(fact), ...options });
      clients.push(cxone);
      return cxone;
    },
    reset() {
      [onApi, onToken] = [firstApi, firstToken];
      for (const list of [api, tokens, facts]) list.length = 0;
      for (const cxone of clients.splice(0)) cxone.close();
    },
    async close() {
      for (const cxone of clients) cxone.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function createFamilies(url: string, settings: Partial<FamilySettings> = {}): Record<Family, FamilySettings> {
  const family = {
    url,
    addressSettings: 'CXONE_REGION or CXONE_CONTACTLISTS_URL',
    tokenUrl: `${url}/oauth2/token`,
    clientId: 'client',
    clientSecret: { reveal: () => SECRET },
    scopes: ['contactlists:write', 'contactlists:read'],
    tokenAuth: 'form' as const,
    refreshBeforeExpirySeconds: 60,
    ...settings,
  };
  return Object.fromEntries(FAMILY_NAMES.map((name) => [name, family])) as Record<Family, FamilySettings>;
}

/** What the promise rejects with. Throws if it does not reject. */
export async function captureError(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}
