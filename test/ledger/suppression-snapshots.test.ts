/** CXone's suppression list as a run has read it: nobody may rely on one that is incomplete or gone. */
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SnapshotGone } from '../../src/ledger/consent/suppression-snapshots.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { inProcesses, ledgerOfFile, openRun, someId, upTo } from './harness.ts';

const opened = ledgerOfFile();
const TENANT = 't';
const FIGURES = { entries: 3, unidentified: 1, fileRows: 7, isComplete: true };
const phone = (n: number) => `phone:+1415555${String(n).padStart(4, '0')}`;

const snapshots = () => opened().ledger.suppressionSnapshots;

async function completed(run: Run, identifiers = [phone(1), phone(2)], tenant = TENANT) {
  const snapshotNo = await snapshots().begin(run.run_no, tenant);
  await snapshots().add(snapshotNo, identifiers);
  return snapshots().complete(snapshotNo, FIGURES);
}

async function countEntries(snapshotNo: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from suppression_snapshot_entries
    where snapshot_no = ${snapshotNo}`.execute(opened().database.db);
  return rows[0]?.n ?? 0;
}

describe('a suppression snapshot', () => {
  it('finds those who are on it, and nobody else', async () => {
    const run = await openRun(opened().ledger);
    const { snapshotNo } = await completed(run, upTo(3_000).map(phone));
    expect(await snapshots().find(snapshotNo, [phone(3_001), 'email:ann@example.com'])).toEqual(new Set());
    expect(await snapshots().find(snapshotNo, [])).toEqual(new Set());
    const asked = upTo(4_000).map(phone);
    expect(await snapshots().find(snapshotNo, asked)).toEqual(new Set(asked.slice(0, 3_000)));
  });

  it('contains nothing that identifies a person', async () => {
    const { ledger, url } = opened();
    await completed(await openRun(ledger), ['email:somebody.in.particular@example.com']);
    expect(await readLedgerContents(url)).not.toContain('somebody');
  });

  it('is of no use before it is complete', async () => {
    const run = await openRun(opened().ledger);
    const snapshotNo = await snapshots().begin(run.run_no, TENANT);
    await snapshots().add(snapshotNo, [phone(1)]);
    expect(await snapshots().latest(run.run_no)).toBeNull();
    await expect(snapshots().find(snapshotNo, [phone(1)])).rejects.toThrow(SnapshotGone);
    await expect(snapshots().accept(snapshotNo)).rejects.toThrow(SnapshotGone);
    await expect(snapshots().find(999_999, [phone(1)])).rejects.toThrow(SnapshotGone);
  });

  it('is not changed by a repetition, and takes no entries once it is complete', async () => {
    const run = await openRun(opened().ledger);
    const first = await completed(run);
    expect(await snapshots().complete(first.snapshotNo, { ...FIGURES, entries: 9 })).toEqual(first);
    await expect(snapshots().add(first.snapshotNo, [phone(3)])).rejects.toThrow(SnapshotGone);
    expect(await countEntries(first.snapshotNo)).toBe(2);
  });

  it('has the hash of its entries and figures, in whatever order and however often they were added', async () => {
    const { ledger } = opened();
    const hashes = [];
    for (const parts of [[[1, 2], [3]], [[3, 3], [2], [1, 2]], [[1, 2, 4]]]) {
      const snapshotNo = await snapshots().begin((await openRun(ledger)).run_no, TENANT);
      for (const part of parts) await snapshots().add(snapshotNo, part.map(phone));
      hashes.push((await snapshots().complete(snapshotNo, FIGURES)).hash);
    }
    const empty = await snapshots().begin((await openRun(ledger)).run_no, TENANT);
    const truncated = await snapshots().begin((await openRun(ledger)).run_no, TENANT);
    hashes.push((await snapshots().complete(empty, FIGURES)).hash);
    hashes.push((await snapshots().complete(truncated, { ...FIGURES, isComplete: false })).hash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(new Set(hashes).size).toBe(4);
  });

  it('takes the place of an earlier one of its run, whose entries are deleted', async () => {
    const run = await openRun(opened().ledger);
    const old = await completed(run);
    const another = await completed(await openRun(opened().ledger));
    const latest = await completed(run, [phone(3)]);
    expect(await snapshots().latest(run.run_no)).toEqual({ ...latest, ageMs: expect.any(Number) as number });
    expect(await countEntries(old.snapshotNo)).toBe(0);
    await expect(snapshots().find(old.snapshotNo, [phone(1)])).rejects.toThrow(SnapshotGone);
    expect(await snapshots().find(another.snapshotNo, [phone(1)])).toEqual(new Set([phone(1)]));
  });

  it('replaces one that another attempt has begun and not completed', async () => {
    const run = await openRun(opened().ledger);
    const abandoned = await snapshots().begin(run.run_no, TENANT);
    await snapshots().add(abandoned, [phone(1)]);
    await completed(run);
    await expect(snapshots().add(abandoned, [phone(2)])).rejects.toThrow(SnapshotGone);
    await expect(snapshots().complete(abandoned, FIGURES)).rejects.toThrow(SnapshotGone);
    expect(await countEntries(abandoned)).toBe(0);
  });

  it('that was begun at the same moment as a later one takes no entries once that is complete', async () => {
    const run = await openRun(opened().ledger);
    const early = await snapshots().begin(run.run_no, TENANT);
    // As if the later one had begun before this one was committed.
    const hide = sql`update suppression_snapshots set run_no = ${(await openRun(opened().ledger)).run_no}
      where snapshot_no = ${early}`;
    await hide.execute(opened().database.db);
    const late = await snapshots().begin(run.run_no, TENANT);
    await sql`update suppression_snapshots set run_no = ${run.run_no} where snapshot_no = ${early}`.execute(
      opened().database.db,
    );
    await snapshots().complete(late, FIGURES);
    await expect(snapshots().add(early, [phone(1)])).rejects.toThrow(SnapshotGone);
    await expect(snapshots().complete(early, FIGURES)).rejects.toThrow(SnapshotGone);
    expect(await countEntries(early)).toBe(0);
  });

  it('of a later attempt is complete, however many processes read the list at once', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const ends = await inProcesses(opened(), 8, async ({ suppressionSnapshots: it }) => {
      try {
        const snapshotNo = await it.begin(run.run_no, TENANT);
        for (const n of upTo(5)) await it.add(snapshotNo, [phone(n)]);
        return (await it.complete(snapshotNo, FIGURES)).snapshotNo;
      } catch (error) {
        if (error instanceof SnapshotGone) return null;
        throw error;
      }
    });
    const latest = await snapshots().latest(run.run_no);
    expect(latest?.snapshotNo).toBe(Math.max(...ends.map((end) => end ?? 0)));
    expect((await snapshots().find(latest?.snapshotNo ?? 0, upTo(5).map(phone))).size).toBe(5);
    const { rows } = await sql<{ n: number }>`select count(distinct e.snapshot_no)::int as n
      from suppression_snapshot_entries e left join suppression_snapshots s using (snapshot_no)
      where s.snapshot_no is null or s.run_no = ${run.run_no}`.execute(opened().database.db);
    expect(rows[0]?.n, 'snapshots with entries').toBe(1);
  });

  it('has an age by the clock of the ledger', async () => {
    const run = await openRun(opened().ledger);
    const { snapshotNo } = await completed(run);
    const ageAfter = async (begun: string) => {
      await sql`update suppression_snapshots set begun_at = clock_timestamp() + ${begun}::interval
        where snapshot_no = ${snapshotNo}`.execute(opened().database.db);
      return (await snapshots().latest(run.run_no))?.ageMs;
    };
    expect(await ageAfter('-16 minutes')).toBeGreaterThanOrEqual(960_000);
    expect(await ageAfter('1 hour')).toBeLessThan(0);
  });

  it('is compared with the one that was accepted last in any run of the tenant', async () => {
    const { ledger } = opened();
    const tenant = someId('tenant');
    const [first, second] = [await openRun(ledger), await openRun(ledger)];
    const accepted = await completed(first, undefined, tenant);
    expect(accepted.isAccepted).toBe(false);
    expect(await snapshots().lastAccepted(tenant)).toBeNull();
    await snapshots().accept(accepted.snapshotNo);
    await snapshots().accept(accepted.snapshotNo);
    expect((await snapshots().latest(first.run_no))?.isAccepted).toBe(true);
    await completed(second, undefined, tenant);
    expect(await snapshots().lastAccepted(tenant)).toEqual(FIGURES);
    expect(await snapshots().lastAccepted(someId('tenant'))).toBeNull();
  });

  it.each(['completed', 'rejected', 'cancelled'] as const)(
    'loses its entries when its run is %s, and keeps its figures',
    async (state) => {
      const { ledger } = opened();
      const tenant = someId('tenant');
      const run = await openRun(ledger);
      const { snapshotNo } = await completed(run, undefined, tenant);
      await snapshots().accept(snapshotNo);
      await ledger.runs.close(run.run_no, state, null, null);
      expect([await countEntries(snapshotNo), await snapshots().latest(run.run_no)]).toEqual([0, null]);
      await expect(snapshots().find(snapshotNo, [phone(1)])).rejects.toThrow(SnapshotGone);
      expect(await snapshots().lastAccepted(tenant)).toEqual(FIGURES);
    },
  );

  it('stays when its run fails, which may be started again', async () => {
    const { ledger } = opened();
    const run = await openRun(ledger);
    const snapshot = await completed(run);
    await ledger.runs.close(run.run_no, 'failed', null, null);
    expect(await snapshots().latest(run.run_no)).toEqual({
      ...snapshot,
      ageMs: expect.any(Number) as number,
    });
  });

  it('of a purged run is deleted, except for the figures of the one that was accepted last', async () => {
    const { ledger, database } = opened();
    const tenant = someId('tenant');
    const runs: Run[] = [];
    for (const _ of upTo(3)) {
      const run = await openRun(ledger);
      const { snapshotNo } = await completed(run, undefined, tenant);
      if (runs.length < 2) await snapshots().accept(snapshotNo);
      await ledger.runs.close(run.run_no, 'failed', null, null);
      runs.push(run);
    }
    await sql`update runs set finished_at = now() - interval '40 days'
      where run_no = any(${runs.map(({ run_no: runNo }) => runNo)}::int[])`.execute(database.db);
    const before = new Date(Date.now() - 30 * 86_400_000);
    await ledger.purges.purge({ before, withUndelivered: false, purgeId: someId('purge'), requestedBy: 'd' });
    const { rows } = await sql<{ run_no: number; entries: number }>`
      select s.run_no, (select count(*)::int from suppression_snapshot_entries e where e.snapshot_no = s.snapshot_no)
        as entries from suppression_snapshots s where tenant = ${tenant}`.execute(database.db);
    expect(rows).toEqual([{ run_no: runs[1]?.run_no, entries: 0 }]);
    expect(await snapshots().lastAccepted(tenant)).toEqual(FIGURES);
  });

  it('is searched with the pepper of the ledger only', async () => {
    const { ledger, url } = opened();
    const { snapshotNo } = await completed(await openRun(ledger));
    await ledger.subjects.registerPepper();
    const other = openLedger(url, 1, { pepper: 'another pepper' });
    onTestFinished(() => other.close());
    await expect(other.suppressionSnapshots.find(snapshotNo, [phone(1)])).rejects.toThrow('CXFLOW_PEPPER');
  });
});
