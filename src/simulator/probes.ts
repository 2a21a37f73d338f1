/** Empty batches, with which a client asks whether CXone answers. They are counted apart from those with records. */
import type { FastifyRequest } from 'fastify';

/** By their lengths, because faults are injected before the body is read. */
const EMPTY_BATCH_BYTES: readonly (string | undefined)[] = [{ records: [] }, { items: [] }].map((body) =>
  String(JSON.stringify(body).length),
);

export function isProbe({ method, headers }: FastifyRequest): boolean {
  return method === 'POST' && EMPTY_BATCH_BYTES.includes(headers['content-length']);
}
