/**
 * Merkle trees as in RFC 6962, section 2.1 (Certificate Transparency): one short hash stands for many entries, and a path of
 * hashes shows that an entry is one of them. The size of the tree belongs to its root: in another size, the same path may lead from
 * another position to the same root. The first n leaves have the same root for ever, however many follow. Pure.
 */
import { createHash } from 'node:crypto';

/** Leaves and inner nodes are hashed differently, so that neither passes for the other. */
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

const sha256 = (...parts: readonly Buffer[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

const hashLeaf = (hash: string): Buffer => sha256(LEAF, Buffer.from(hash, 'hex'));
const hashNode = (left: Buffer, right: Buffer): Buffer => sha256(NODE, left, right);

/** The largest power of two that is smaller than n, which is at least 2. */
const splitPoint = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1);

export interface MerkleProof {
  readonly root: string;
  /** The hashes beside the way from the leaf to the root, in this order. */
  readonly path: readonly string[];
}

/** `leaves`: at least one SHA-256 hash, in hexadecimal digits, like everything that is returned. */
export function proveLeaf(leaves: readonly string[], index: number): MerkleProof {
  const path: string[] = [];
  const root = climb(leaves.map(hashLeaf), index, path);
  return { root: root.toString('hex'), path };
}

export function merkleRoot(leaves: readonly string[]): string {
  return proveLeaf(leaves, 0).root;
}

/** Returns the root, and adds to `path` what lies beside the way to the leaf, if it is one of these. */
function climb(leaves: readonly Buffer[], index: number | null, path: string[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only) return only;
  const split = splitPoint(leaves.length);
  const isLeft = index !== null && index < split;
  const left = climb(leaves.slice(0, split), isLeft ? index : null, path);
  const right = climb(leaves.slice(split), isLeft || index === null ? null : index - split, path);
  if (index !== null) path.push((isLeft ? right : left).toString('hex'));
  return hashNode(left, right);
}

/** The root that follows from a leaf and its path; null: a tree of this size has no such path. */
export function rootOf(
  leaf: string,
  { index, size, path }: { readonly index: number; readonly size: number; readonly path: readonly string[] },
): string | null {
  const sides = sidesOf(index, size);
  if (sides.length !== path.length) return null;
  const root = sides.reduce((node, side, i) => {
    const beside = Buffer.from(path[i] ?? '', 'hex');
    return side === 'left' ? hashNode(node, beside) : hashNode(beside, node);
  }, hashLeaf(leaf));
  return root.toString('hex');
}

/** On which side the way lies at each node, from the leaf upwards. */
function sidesOf(index: number, size: number): ('left' | 'right')[] {
  if (size <= 1) return [];
  const split = splitPoint(size);
  return index < split
    ? [...sidesOf(index, split), 'left']
    : [...sidesOf(index - split, size - split), 'right'];
}
