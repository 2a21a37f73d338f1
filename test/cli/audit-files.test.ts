/** `cxflow audit verify | head | export | root | prove | check`, with a ledger. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import vm from 'node:vm';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import type { AuditReceipt } from '../../src/queries/audit-files.ts';
import { newFolder } from '../harness/folders.ts';
import { ledgerOfFile, upTo } from '../ledger/harness.ts';
import { fakeCli } from './fakes.ts';

const opened = ledgerOfFile();
const RUN = 'contact-import:L1:d4d4e340d6e756adf1fecdc8';
let folder: string;

beforeAll(async () => {
  folder = await newFolder();
  const { ledger } = opened();
  for (const i of upTo(40)) {
    // Every other one, with what canonical JSON has rules for: the order of keys, other scripts, fractions.
    const data = { z: i, a: { ü: '😀', b: 0.1 * i }, text: 'Grüße "x"\n' };
    await ledger.audit.add(i % 2 === 0 ? RUN : 'suppressions', 'did', data);
  }
  while ((await ledger.audit.seal()) > 0);
});

async function audit(...args: readonly string[]) {
  const cli = fakeCli({ ledger: opened().ledger });
  const code = await run(['audit', ...args], cli);
  return { code, out: cli.out(), err: cli.err() };
}

const inFolder = (name: string): string => join(folder, name);

async function prove(seq: number, ...args: readonly string[]): Promise<AuditReceipt> {
  const { code, out } = await audit('prove', String(seq), ...args);
  expect(code).toBe(0);
  return JSON.parse(out) as AuditReceipt;
}

async function check(receipt: object, ...args: readonly string[]) {
  await writeFile(inFolder('receipt.json'), JSON.stringify(receipt));
  return audit('check', inFolder('receipt.json'), ...args);
}

/** What the owner of the database can do, undone afterwards. */
async function whileTampered<T>(change: string, use: () => Promise<T>): Promise<T> {
  const { db } = opened().database;
  return db
    .connection()
    .execute(async (one) => {
      await sql`create table kept_audit as table audit`.execute(one);
      await sql`alter table audit disable trigger audit_append_only`.execute(one);
      await sql.raw(change).execute(one);
    })
    .then(use)
    .finally(async () => {
      await sql`delete from audit`.execute(db);
      await sql`insert into audit table kept_audit`.execute(db);
      await sql`drop table kept_audit`.execute(db);
      await sql`alter table audit enable trigger audit_append_only`.execute(db);
    });
}

describe('the head', () => {
  it('is a line that verify takes back', async () => {
    const { out } = await audit('head');
    expect(out).toMatch(/^40:[0-9a-f]{64}\n$/);
    const verified = await audit('verify', '--head', out);
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.out).toBe(`ok: the chain of 40 entries is intact\nhead: ${out}`);
  });

  it('shows that the end was cut off, which the chain alone does not', async () => {
    const { out: head } = await audit('head');
    await whileTampered('delete from audit where seq > 35', async () => {
      expect(await audit('verify')).toMatchObject({ code: 0 });
      const { code, out } = await audit('verify', '--head', head);
      expect(code).toBe(1);
      expect(out).toContain('the chain ends with entry 35, but the head that was kept is entry 40');
    });
  });

  it('shows that the end was written anew', async () => {
    const other = `40:${'ab'.repeat(32)}`;
    const { code, out } = await audit('verify', '--head', other, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ entries: 39, finding: { seq: 40 } });
  });

  it('must be a number and a hash', async () => {
    const { code, err } = await audit('verify', '--head', '40');
    expect(code).toBe(2);
    expect(err).toContain('the number of an entry, a colon and a hash');
  });
});

describe('an export', () => {
  it('can be verified without the ledger, and has the same head', async () => {
    const file = inFolder('audit.ndjson');
    const written = await audit('export', '--out', file);
    const { out: head } = await audit('head');
    expect(written.out).toBe(`40 entries → ${file}\nhead: ${head}`);
    const cli = fakeCli({});
    expect(await run(['audit', 'verify', '--file', file, '--head', head], cli)).toBe(0);
    expect(cli.out()).toBe(`ok: the chain of 40 entries is intact\nhead: ${head}`);
  });

  it.each([
    ['an entry was changed', (lines: string[]) => lines.with(4, lines[4]?.replace('0.', '1.') ?? ''), 5],
    ['an entry was removed', (lines: string[]) => lines.toSpliced(7, 1), 8],
    [
      'two entries changed places',
      (lines: string[]) => [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)],
      1,
    ],
  ])('names the first wrong entry if %s', async (_, change, seq) => {
    const file = inFolder('audit.ndjson');
    await audit('export', '--out', file);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    await writeFile(file, change(lines).join('\n'));
    const { code, out } = await audit('verify', '--file', file, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ finding: { seq } });
  });

  it('is refused if a line could be read in two ways', async () => {
    const file = inFolder('audit.ndjson');
    await audit('export', '--out', file);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('{"action":"did"', '{"action":"something else","action":"did"'));
    const { code, err } = await audit('verify', '--file', file);
    expect([code, err]).toEqual([2, expect.stringContaining('line 1 is not an entry of the audit')]);
  });

  it('is refused with the number of the line if it is another file', async () => {
    await writeFile(inFolder('other.ndjson'), '{"seq": 1}\n');
    const { code, err } = await audit('verify', '--file', inFolder('other.ndjson'));
    expect(code).toBe(2);
    expect(err).toContain('line 1 is not an entry of the audit');
  });
});

/** The same check in a browser: the script of docs/audit-receipt.html. */
async function loadPage(): Promise<(receipt: object, root: string) => Promise<string | null>> {
  const page = await readFile(new URL('../../docs/audit-receipt.html', import.meta.url), 'utf8');
  const script = /<script>([\s\S]*)<\/script>/.exec(page)?.[1] ?? '';
  const context = { crypto, TextEncoder, Uint8Array };
  return vm.runInNewContext(`${script}\ncheckReceipt`, context) as Awaited<ReturnType<typeof loadPage>>;
}

describe('a receipt', () => {
  it('proves each entry of a run to whoever has the root, here and in a browser, and is small', async () => {
    const { out } = await audit('root', RUN);
    const root = out.trim();
    expect(root).toMatch(/^20:[0-9a-f]{64}$/);
    const checkOnPage = await loadPage();
    for (const seq of [2, 20, 40]) {
      const receipt = await prove(seq);
      expect(await check(receipt, '--root', root)).toMatchObject({ code: 0 });
      expect(await checkOnPage(receipt, root)).toBe(null);
      expect(JSON.stringify(receipt).length).toBeLessThan(2_048);
    }
  });

  it('still proves its entry for a root that is older than the last entries', async () => {
    const before = await prove(10, '--entries', '6');
    expect(await prove(10)).not.toMatchObject({ root: before.root });
    expect(await check(before, '--root', `6:${before.root}`)).toMatchObject({ code: 0 });
  });

  it.each([
    ['its data', (r: AuditReceipt) => ({ ...r, entry: { ...r.entry, data: { z: 99 } } })],
    ['its time', (r: AuditReceipt) => ({ ...r, entry: { ...r.entry, at: '2026-01-01T00:00:00.000Z' } })],
    ['its run', (r: AuditReceipt) => ({ ...r, entry: { ...r.entry, runId: 'contact-import:L2:x' } })],
    ['its position', (r: AuditReceipt) => ({ ...r, position: r.position + 1 })],
    ['its path', (r: AuditReceipt) => ({ ...r, path: r.path.toReversed() })],
    ['the length of its path', (r: AuditReceipt) => ({ ...r, path: r.path.slice(1) })],
    ['a position behind the end', (r: AuditReceipt) => ({ ...r, position: 21 })],
    ['its root', (r: AuditReceipt) => ({ ...r, root: 'ab'.repeat(32) })],
  ])('is refused, here and in a browser, if somebody has changed %s', async (_, change) => {
    const receipt = await prove(20);
    const changed = change(receipt);
    const { code, out } = await check(changed, '--root', `20:${receipt.root}`);
    expect([code, out.slice(0, 9)]).toEqual([1, 'finding: ']);
    expect(await (await loadPage())(changed, `20:${receipt.root}`)).toMatch(/\.$/);
  });

  it('is refused if the same path is said to belong to another position in a tree of another size', async () => {
    const receipt = await prove(40);
    const kept = `${receipt.entries}:${receipt.root}`;
    // Leaf 20 of 20 and leaf 8 of 8 have their way on the same sides.
    const changed = { ...receipt, position: 8, entries: 8 };
    expect(receipt.path.length).toBe(3);
    expect((await check(changed, '--root', kept)).code).toBe(1);
    expect(await (await loadPage())(changed, kept)).toBe('Its root is not the one that you were given.');
  });

  it('is not written for an entry that is not as it was sealed', async () => {
    await whileTampered(`update audit set data = '{"z": 99}' where seq = 20`, async () => {
      const { code, out, err } = await audit('prove', '20');
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain('entry 20 is not as it was sealed');
    });
  });

  it('cannot be checked without a root', async () => {
    const { code, err } = await check(await prove(20));
    expect([code, err]).toEqual([2, expect.stringContaining("'--root <entries:hash>' not specified")]);
  });

  it('is refused if its root is not the one that was given', async () => {
    const receipt = await prove(20);
    const other = `20:${'cd'.repeat(32)}`;
    expect(await check(receipt, '--root', other)).toMatchObject({ code: 1 });
    expect(await (await loadPage())(receipt, other)).toBe('Its root is not the one that you were given.');
  });

  it('does not exist for an entry that the audit does not have, or that came after the root', async () => {
    const missing = await audit('prove', '41');
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('no sealed entry 41')]);
    const later = await audit('prove', '40', '--entries', '6');
    expect([later.code, later.err]).toEqual([2, expect.stringContaining('among the first 6 of its run')]);
  });

  it('says what is wrong with a file that is no receipt', async () => {
    const root = `20:${'cd'.repeat(32)}`;
    const { code, err } = await check({ format: 'cxflow-audit-receipt/1', entry: {} }, '--root', root);
    expect(code).toBe(2);
    expect(err).toContain('not an audit receipt: entry.seq');
  });
});
