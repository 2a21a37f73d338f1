import { createHash } from 'node:crypto';

/** A UUID that was generated once. */
const NAMESPACE = Buffer.from('5b1f0a3e6c9d4c1f9a2e7d8340f6b521', 'hex');

/** UUIDv5 (RFC 9562, 5.5): the same for the same name, so it can be a key under which a request is repeated. */
export function toUuid(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
