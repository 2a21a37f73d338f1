import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merkleRoot, proveLeaf, rootOf } from '../../src/ledger/audit/merkle.ts';

/** The leaves and roots that implementations of Certificate Transparency test themselves with. */
const LEAVES = [
  ...['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'],
];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
/** Some leaves, and the index of one of them. */
const trees = fc
  .array(hash, { minLength: 1, maxLength: 70 })
  .chain((leaves) => fc.tuple(fc.constant(leaves), fc.nat(leaves.length - 1)));

describe('a Merkle tree', () => {
  it.each(ROOTS.map((root, i) => [i + 1, root] as const))(
    'of %i leaves has the root of RFC 6962',
    (n, root) => {
      expect(merkleRoot(LEAVES.slice(0, n))).toBe(root);
    },
  );

  it('has a path from every leaf to its root, which is as long as the tree is high', () => {
    fc.assert(
      fc.property(trees, ([leaves, index]) => {
        const { root, path } = proveLeaf(leaves, index);
        expect(root).toBe(merkleRoot(leaves));
        expect(rootOf(leaves[index] ?? '', { index, size: leaves.length, path })).toBe(root);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(leaves.length)));
      }),
    );
  });

  it('has no path from another leaf or position to this root', () => {
    fc.assert(
      fc.property(trees, hash, ([leaves, index], other) => {
        const { root, path } = proveLeaf(leaves, index);
        const leaf = leaves[index] ?? '';
        const size = leaves.length;
        fc.pre(other !== leaf && new Set(leaves).size === size);
        expect(rootOf(other, { index, size, path })).not.toBe(root);
        for (let elsewhere = 0; elsewhere < size; elsewhere += 1) {
          if (elsewhere !== index) expect(rootOf(leaf, { index: elsewhere, size, path })).not.toBe(root);
        }
        expect(rootOf(leaf, { index, size, path: path.slice(1).concat(other, other) })).toBe(null);
      }),
    );
  });
});
