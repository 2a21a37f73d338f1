/**
 * A proxy between workers and simulator. It forwards as many requests as the test permits, and records those that contain
 * contacts who have already objected. It queries the ledger when a request arrives, so the order is that of the ledger's
 * commits, and no clocks are compared. The query may even find an objection that was committed after the request began;
 * such a request still counts as late.
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
  /** Forwards this many more requests that contain contacts; the others wait. At first, none is permitted. */
  readonly permit: (requests: number) => void;
  /** How many requests that contain contacts have been forwarded. */
  readonly passed: () => number;
  /** For each request that contained contacts who had objected: their ids. */
  readonly late: () => readonly (readonly string[])[];
  readonly close: () => Promise<void>;
}

/** Of a contact record, of a preference, or of an item, which has it as a field. */
const CONTACT_ID = /(?:"contactId"|"name":"contact_id","value"):"([^"]+)"/g;
const contactIdsOf = (body: string): string[] => [...body.matchAll(CONTACT_ID)].map(([, id = '']) => id);

export async function startWitness(
  simulatorUrl: string,
  databaseUrl: string,
  ledger: Ledger,
  /** The contact ids of the people to whom a request goes. */
  peopleOf: (body: string) => readonly string[] = contactIdsOf,
): Promise<Witness> {
  const database = openDatabase(databaseUrl, 8);
  const late: (readonly string[])[] = [];
  const turnstile = new Turnstile();

  const listObjected = async (people: readonly string[]): Promise<readonly string[]> => {
    const hashes = await Promise.all(people.map((id) => ledger.subjects.hash(id)));
    // Bypasses the suppression list's own code, so that no cache can return an old answer.
    const { rows } = await sql<{ subject: string }>`
      select distinct subject from suppressions where subject = any(${hashes}::text[])`.execute(database.db);
    const objected = new Set(rows.map(({ subject }) => subject));
    return people.filter((_, i) => objected.has(hashes[i] ?? ''));
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const people = peopleOf(body.toString());
    if (people.length > 0) {
      const objected = await listObjected(people);
      if (objected.length > 0) late.push(objected);
      await turnstile.pass(response);
    }
    await forward(new URL(request.url ?? '/', simulatorUrl), request, body, response);
  };
  const server = createServer((request, response) => {
    // The connections of a killed worker break.
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

  /** Waits for a permit. Rejects if the client disconnects first. */
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
        reject(new Error('the client has disconnected'));
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
