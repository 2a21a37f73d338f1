import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { GENESIS } from '../../src/ledger/audit/chain.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { ledgerOfFile, type Opened, upTo } from './harness.ts';

const opened = ledgerOfFile();

/** Each test starts with an empty audit. */
beforeEach(async () => {
  await tampering(async (db) => {
    await sql`delete from audit`.execute(db);
    await sql`delete from audit_pending`.execute(db);
  });
});

/** What the owner of the database can do. */
async function tampering(change: (db: Opened['database']['db']) => Promise<unknown>): Promise<void> {
  const { db } = opened().database;
  await sql`alter table audit disable trigger audit_append_only`.execute(db);
  await change(db);
  await sql`alter table audit enable trigger audit_append_only`.execute(db);
}

async function sealAll(ledger: Ledger): Promise<void> {
  while ((await ledger.audit.seal()) > 0);
}

async function sealed(n: number): Promise<Ledger> {
  const { ledger } = opened();
  for (const i of upTo(n)) await ledger.audit.add(`run-${i % 2}`, 'did', { i, text: `ä😀 ${i}`, n: 0.1 * i });
  await sealAll(ledger);
  return ledger;
}

describe('the chain', () => {
  it('has every entry once, without a gap, when two sealers run while entries are added', async () => {
    const { ledger, url } = opened();
    const other = openLedger(url, 4);
    let adding = true;
    const sealer = async (mine: Ledger) => {
      while (adding) await mine.audit.seal();
    };
    const sealers = [sealer(ledger), sealer(other)];
    const left = upTo(300);
    const adder = async (mine: Ledger) => {
      for (let i = left.shift(); i !== undefined; i = left.shift()) await mine.audit.add('run', 'did', { i });
    };
    // No more than there are connections: on a busy machine, whoever waits for one gives up after five seconds.
    await Promise.all([ledger, other].flatMap((mine) => upTo(3).map(() => adder(mine))));
    adding = false;
    await Promise.all(sealers);
    await sealAll(ledger);
    const seen: number[] = [];
    const seqs: number[] = [];
    for await (const entry of ledger.audit.list()) {
      seqs.push(Number(entry.seq));
      seen.push((entry.data as { i: number }).i);
    }
    expect(seqs).toEqual(upTo(300));
    expect(seen.sort((a, b) => a - b)).toEqual(upTo(300));
    expect(await ledger.audit.verify()).toMatchObject({ entries: 300, unsealed: 0, finding: null });
    await other.close();
  });

  it('is empty and valid at first, and counts the entries that are not sealed yet', async () => {
    const { ledger } = opened();
    expect(await ledger.audit.verify()).toEqual({ entries: 0, unsealed: 0, head: GENESIS, finding: null });
    await ledger.audit.add('run', 'did', {});
    await ledger.audit.add('run', 'did', {});
    expect(await ledger.audit.verify()).toMatchObject({ entries: 0, unsealed: 2, finding: null });
    expect(await ledger.audit.seal()).toBe(2);
    expect(await ledger.audit.seal()).toBe(0);
    const { head } = await ledger.audit.verify();
    expect(head).toMatch(/^[0-9a-f]{64}$/);
  });

  it('seals more entries than one transaction takes', async () => {
    const { ledger, database } = opened();
    await sql`insert into audit_pending (run_id, action, data)
      select 'run', 'did', json_build_object('i', i) from generate_series(1, 2500) i`.execute(database.db);
    expect(await ledger.audit.seal()).toBe(1_000);
    await sealAll(ledger);
    expect(await ledger.audit.verify()).toMatchObject({ entries: 2_500, finding: null });
  });

  it('lists the entries of one run', async () => {
    const ledger = await sealed(5);
    const seqs: string[] = [];
    for await (const { seq, run_id } of ledger.audit.list('run-1')) {
      expect(run_id).toBe('run-1');
      seqs.push(seq);
    }
    expect(seqs).toEqual(['1', '3', '5']);
  });

  it.each([
    ['its data was changed', `update audit set data = '{"i": 99}' where seq = 3`, 3],
    ['its action was changed', `update audit set action = 'did not' where seq = 4`, 4],
    ['its time was changed', `update audit set at = at + interval '1 ms' where seq = 1`, 1],
    ['its run was changed', `update audit set run_id = 'x' where seq = 6`, 6],
    ['it was deleted', `delete from audit where seq = 3`, 3],
    ['it was the first and was deleted', `delete from audit where seq = 1`, 1],
    [
      'it was deleted and the others moved up',
      // In two steps: in one, whether a new number is still taken depends on the order in which rows are visited.
      `delete from audit where seq = 3; update audit set seq = -seq where seq > 3;
       update audit set seq = -seq - 1 where seq < 0`,
      3,
    ],
    [
      'it changed places with the next',
      `update audit set seq = 99 where seq = 3; update audit set seq = 3 where seq = 4;
       update audit set seq = 4 where seq = 99`,
      3,
    ],
    ['its hash was forged', `update audit set hash = repeat('a', 64) where seq = 2`, 2],
  ])('verify finds the first wrong entry when %s', async (_, change, seq) => {
    const ledger = await sealed(6);
    await tampering((db) => sql.raw(change).execute(db));
    const { finding } = await ledger.audit.verify();
    expect(finding).toMatchObject({ seq });
    expect(finding?.what).toContain(`entry ${seq}`);
  });

  it('a head that was kept elsewhere reveals that the end of the chain was cut off', async () => {
    const ledger = await sealed(6);
    const { head } = await ledger.audit.verify();
    await tampering((db) => sql`delete from audit where seq = 6`.execute(db));
    const verdict = await ledger.audit.verify();
    expect(verdict).toMatchObject({ entries: 5, finding: null });
    expect(verdict.head).not.toBe(head);
  });

  it.each([
    ['update', `update audit set action = 'x'`],
    ['delete', `delete from audit`],
    ['truncate', `truncate audit`],
  ])('the database itself rejects %s', async (_, change) => {
    const ledger = await sealed(1);
    await expect(sql.raw(change).execute(opened().database.db)).rejects.toThrow(/append-only/);
    expect(await ledger.audit.verify()).toMatchObject({ entries: 1, finding: null });
  });
});
