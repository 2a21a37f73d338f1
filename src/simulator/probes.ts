/** Requests with which a client only asks whether CXone answers. They are counted apart from those that concern somebody. */
import type { FastifyRequest } from 'fastify';
import { JOB_PATH, NOBODYS_JOB } from '../cxone/email.wire.ts';

/** By their lengths, because faults are injected before the body is read. */
const EMPTY_BATCH_BYTES: readonly (string | undefined)[] = [{ records: [] }, { items: [] }].map((body) =>
  String(JSON.stringify(body).length),
);

/** Email is probed with a read: of all requests that change something, sending is the last to try. */
const PROBED_JOB = JOB_PATH.replace('{jobId}', NOBODYS_JOB);

export function isProbe({ method, url, headers }: FastifyRequest): boolean {
  if (method === 'GET') return url === PROBED_JOB;
  return method === 'POST' && EMPTY_BATCH_BYTES.includes(headers['content-length']);
}
