/** Empty batches, with which a client asks whether CXone answers. They are counted apart from those with records. */
import type { FastifyRequest } from 'fastify';

/** By its length, because faults are injected before the body is read. */
const EMPTY_BATCH_BYTES = String(Buffer.byteLength(JSON.stringify({ records: [] })));

export function isProbe({ method, headers }: FastifyRequest): boolean {
  return method === 'POST' && headers['content-length'] === EMPTY_BATCH_BYTES;
}
