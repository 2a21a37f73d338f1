/** Requests of the bare scripts: node:http with persistent connections and nothing else. */
import http from 'node:http';

export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body?: string;
}

export interface Exchanged {
  readonly status: number;
  readonly text: string;
}

/** Resolves whatever the status is. */
export function exchange(agent: http.Agent, { method, url, body }: Exchange): Promise<Exchanged> {
  const content = body !== undefined && {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const headers = { authorization: 'Bearer bench', ...content };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Returns the body of a 200. */
export async function post(agent: http.Agent, url: string, body: string): Promise<string> {
  const { status, text } = await exchange(agent, { method: 'POST', url, body });
  if (status !== 200) throw new Error(`the vendor answered ${status}: ${text.slice(0, 200)}`);
  return text;
}
