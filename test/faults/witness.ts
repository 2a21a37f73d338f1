/**
 * Stands between workers and simulator, lets as many requests through as a test permits, and notes those that carry somebody
 * who has objected by then. It asks the ledger when a request has arrived, so the order is the ledger's, and no clocks are
 * compared. An objection that the query sees may even have been committed after the request began; that counts against the
 * product.
 */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { sql } from 'kysely';
import { openDatabase } from '../../src/ledger/database.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';

export interface Witness {
  /** For CXONE_API_URL. */
  readonly url: string;
  /** Lets this many more requests that carry people through; the others are held. None at first. */
  readonly permit: (requests: number) => void;
  /** How many requests that carry people have been let through. */
  readonly passed: () => number;
  /** Of each request that carried people who had objected: their ids. */
  readonly late: () => readonly (readonly string[])[];
  readonly close: () => Promise<void>;
}

export async function startWitness(
  simulatorUrl: string,
  databaseUrl: string,
  ledger: Ledger,
): Promise<Witness> {
  const database = openDatabase(databaseUrl, 8);
  const late: (readonly string[])[] = [];
  const turnstile = new Turnstile();

  const listObjected = async (people: readonly string[]): Promise<readonly string[]> => {
    const hashes = await Promise.all(people.map((id) => ledger.subjects.hash(id)));
    // Past the suppression list's own code, so that nothing in between can keep an old answer.
    const { rows } = await sql<{ subject: string }>`
      select distinct subject from suppressions where subject = any(${hashes}::text[])`.execute(database.db);
    const objected = new Set(rows.map(({ subject }) => subject));
    return people.filter((_, i) => objected.has(hashes[i] ?? ''));
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const people = [...body.toString().matchAll(/"contactId":"([^"]+)"/g)].map(([, id = '']) => id);
    if (people.length > 0) {
      const objected = await listObjected(people);
      if (objected.length > 0) late.push(objected);
      await turnstile.pass(response);
    }
    await forward(new URL(request.url ?? '/', simulatorUrl), request, body, response);
  };
  const server = createServer((request, response) => {
    // A worker that is killed breaks its connections.
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    permit: (requests) => turnstile.permit(requests),
    passed: () => turnstile.passed,
    late: () => late,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await database.close();
    },
  };
}

class Turnstile {
  passed = 0;
  #permitted = 0;
  readonly #waiting = new Set<() => void>();

  permit(requests: number): void {
    this.#permitted += requests;
    for (const enter of this.#waiting) enter();
  }

  /** Rejects if the client is gone before it is let through. */
  pass(response: ServerResponse): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        if (this.passed >= this.#permitted) return;
        this.passed += 1;
        this.#waiting.delete(enter);
        resolve();
      };
      response.once('close', () => {
        this.#waiting.delete(enter);
        reject(new Error('the client is gone'));
      });
      this.#waiting.add(enter);
      enter();
    });
  }
}

function forward(url: URL, from: IncomingMessage, body: Buffer, to: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const { method, headers } = from;
    const request = send(url, { method, headers: { ...headers, host: url.host } }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to).once('finish', resolve).once('close', resolve);
    });
    request.once('error', reject);
    request.end(body);
  });
}
